//! How long ended jobs are kept: the table `[retention]`, and what a kind says of its own.

use std::ops::RangeInclusive;
use std::time::Duration;

use engine::{Keep, KindRetention, Retention};

use super::DAY;
use super::duration::show;
use super::field::Field;
use super::section::Section;

/// From a minute to a hundred years.
const SPANS: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(100 * 366 * 24 * 3600);
const NOT_LOGS: (&str, &str) = ("logs", "what handlers said is kept by `[logs] keep`");

/// What holds for kinds that say nothing.
pub(super) fn of_all(section: Section<'_>) -> Retention {
    let mut kept = Retention::default();
    let span =
        |key: &'static str, usual: Option<Duration>| match section.get(key).as_ref().map(read) {
            Some(Some(keep)) => keep.span(),
            Some(None) | None => usual,
        };
    kept.completed = span("completed", kept.completed);
    kept.cancelled = span("cancelled", kept.cancelled);
    kept.dead = span("dead", kept.dead);
    warn_of_short(&section, kept.dead);
    section.finish(&[NOT_LOGS]);
    kept
}

/// `retention = { completed = "1d", … }` of a kind.
pub(super) fn of_kind(kind: &Section<'_>, usual: KindRetention) -> KindRetention {
    let Some(section) = kind.section("retention") else {
        return usual;
    };
    let keep = |key| section.get(key).as_ref().and_then(read);
    let kept = KindRetention {
        completed: keep("completed").or(usual.completed),
        cancelled: keep("cancelled").or(usual.cancelled),
        dead: keep("dead").or(usual.dead),
    };
    warn_of_short(&section, kept.dead.and_then(Keep::span));
    section.finish(&[NOT_LOGS]);
    kept
}

fn read(field: &Field<'_>) -> Option<Keep> {
    if field.json() == "forever" {
        return Some(Keep::Forever);
    }
    field.duration(SPANS).map(Keep::For)
}

fn warn_of_short(section: &Section<'_>, dead: Option<Duration>) {
    if let (Some(field), Some(dead)) = (section.get("dead"), dead)
        && dead < DAY * 7
    {
        let help = "nobody sees a dead letter that went over a long week-end; leave it out to keep them for ever";
        field.warn(
            format!("dead letters are deleted after {}", show(dead)),
            "rather short",
            Some(help.into()),
        );
    }
}

#[cfg(test)]
mod tests {
    use engine::{Cx, Failure, Job, Outcome, Registry};

    use super::super::parse;
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct A;

    impl Job for A {
        const KIND: &'static str = "demo.a";
        type Env = ();
        type Error = Failure;

        async fn run(self, _: Cx<()>) -> Result<Outcome, Failure> {
            Ok(Outcome::done())
        }
    }

    #[test]
    fn a_kind_keeps_its_jobs_as_it_says_and_else_as_all_do() {
        let text = "[retention]\ncompleted = \"3d\"\ndead = \"forever\"\n\n[kinds.\"demo.a\"]\n\
             retention = { completed = \"1h\", cancelled = \"forever\" }";
        let (config, report) = parse("workers.toml", text, &Registry::new().with::<A>(()));

        let config = config.unwrap();
        assert_eq!(report.errors(), 0);
        let all = config.worker.retention;
        assert_eq!((all.completed, all.dead), (Some(DAY * 3), None));
        let own = KindRetention {
            completed: Some(Keep::For(DAY / 24)),
            cancelled: Some(Keep::Forever),
            dead: None,
        };
        assert_eq!(config.policies["demo.a"].retention, own);
    }
}
