mod adopt;
mod answers;
mod outage;
mod preview;
mod resume;
mod sweep;
mod sync_all;
mod sync_zones;
