mod adopt;
mod answers;
mod resume;
mod sweep;
mod sync_all;
mod sync_zones;
