//! Lists and formats: data on stdout, everything else on stderr.

use engine::NewJob;
use serde_json::{Value, json};

use super::{database, ended, json, lockstep, redacted};

#[tokio::test]
async fn an_empty_list_is_an_empty_array_and_no_error() {
    let database = database().await;
    let lists = [
        "job list",
        "dead list",
        "dead groups",
        "queue list",
        "kind list",
        "partition list",
        "schedule list",
        "company list",
        "zone list",
        "token list",
        "audit list",
        "worker list",
    ];
    for list in lists {
        let mut words: Vec<&str> = list.split(' ').collect();
        words.extend(["-o", "json"]);

        let (code, out, err) = ended(lockstep(&database, &words)).await;

        assert_eq!(
            (code, out.as_str(), err.as_str()),
            (0, "[]\n", ""),
            "{list}"
        );
    }
}

#[tokio::test]
async fn an_empty_table_says_so_on_stderr_only() {
    let database = database().await;

    let (code, out, err) = ended(lockstep(&database, &["dead", "list"])).await;

    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (0, "", "No dead letters.\n")
    );
}

#[tokio::test]
async fn one_list_comes_in_every_format() {
    let _redacted = redacted();
    let database = database().await;
    let args = json!({"company_id": 42});
    let job = NewJob::new("soundtrack.sync_zones", &args);
    let id = job.id();
    database.client().enqueue(job).await.expect("enqueue");
    let list = async |format| {
        ended(lockstep(&database, &["job", "list", "-o", format]))
            .await
            .1
    };

    insta::assert_snapshot!("job_list_table", list("table").await);
    insta::assert_snapshot!("job_list_csv", list("csv").await);
    assert_eq!(list("name").await, format!("{id}\n"));
    let whole: Value = serde_json::from_str(&list("json").await).expect("JSON");
    let line: Value = serde_json::from_str(list("jsonl").await.trim()).expect("JSON");
    assert_eq!(whole, json!([line]));
    assert_eq!(line["args"], args);
}

#[tokio::test]
async fn the_audit_trail_is_paged_to_its_end() {
    let database = database().await;
    let actor = engine::Actor::new("tester", "test");
    for n in 1..=5 {
        let target = format!("t{n}");
        let noted = database
            .client()
            .record_audit(&actor, "test.act", &target, None);
        noted.await.expect("a row");
    }

    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let mut words = vec!["audit", "list", "--limit", "2", "-o", "json"];
        words.extend(
            before
                .iter()
                .flat_map(|id: &String| ["--before", id.as_str()]),
        );
        let (code, rows) = json(lockstep(&database, &words)).await;
        assert_eq!(code, 0);
        let rows = rows.as_array().expect("rows").clone();
        let Some(last) = rows.last() else { break };
        before = Some(last["id"].to_string());
        seen.extend(rows.iter().map(|row| row["target"].clone()));
    }
    let (_, _, more) = ended(lockstep(&database, &["audit", "list", "--limit", "2"])).await;

    assert_eq!(seen, ["t5", "t4", "t3", "t2", "t1"].map(Value::from));
    assert_eq!(more, "More: add --before 4\n");
}

#[tokio::test]
async fn kinds_are_listed_with_their_policies_and_pauses() {
    let database = database().await;
    let pause = [
        "kind",
        "pause",
        "soundtrack.sync_all",
        "--reason",
        "bad deploy",
    ];
    let (code, out, err) = ended(lockstep(&database, &pause)).await;
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        out,
        "Paused kind soundtrack.sync_all. Resume: lockstep kind resume soundtrack.sync_all\n"
    );
    sqlx::query("insert into engine.kind (name, queue, timeout_ms) values ('a.b', 'slow', 90000)")
        .execute(database.pool())
        .await
        .expect("a kind");

    let (_, kinds) = json(lockstep(&database, &["kind", "list", "-o", "json"])).await;
    let (_, table, _) = ended(lockstep(&database, &["kind", "list"])).await;

    let (known, paused) = (&kinds[0], &kinds[1]);
    assert_eq!(
        (
            &known["name"],
            &known["policy"]["queue"],
            &known["policy"]["timeout_ms"]
        ),
        (&json!("a.b"), &json!("slow"), &json!(90_000))
    );
    assert_eq!(known["paused_at"], json!(null));
    assert_eq!(
        (
            &paused["name"],
            &paused["paused_by"],
            &paused["pause_reason"]
        ),
        (
            &json!("soundtrack.sync_all"),
            &json!("tester"),
            &json!("bad deploy")
        )
    );
    assert!(table.contains("1m 30s"), "{table}");
    assert!(table.contains("by tester (bad deploy)"), "{table}");
}

#[tokio::test]
async fn text_of_others_cannot_steer_the_terminal() {
    let database = database().await;
    let company = jobs::company::NewCompany {
        name: "=HYPERLINK(1)\u{202e}evil".into(),
        ..jobs::company::NewCompany::default()
    };
    super::company(&database, &company).await;
    let list = async |format| {
        ended(lockstep(&database, &["company", "list", "-o", format]))
            .await
            .1
    };

    assert!(!list("table").await.contains('\u{202e}'));
    assert!(
        list("csv").await.contains(",\"'=HYPERLINK(1)evil\","),
        "{}",
        list("csv").await
    );
    assert!(list("json").await.contains("\\u202e"));
}

#[tokio::test]
async fn a_job_is_shown_whole() {
    let _redacted = redacted();
    let database = database().await;
    let job = NewJob::new("soundtrack.sync_zones", &json!({"company_id": 42}))
        .tag("vip")
        .asked_by("tester");
    let id = job.id().to_string();
    database.client().enqueue(job).await.expect("enqueue");

    let (_, out, err) = ended(lockstep(&database, &["job", "show", &id])).await;
    let (code, whole) = json(lockstep(&database, &["job", "show", &id, "-o", "json"])).await;

    insta::assert_snapshot!("job_show", format!("{out}---\n{err}"));
    assert_eq!(code, 0);
    assert_eq!((&whole["id"], &whole["attempts"]), (&json!(id), &json!([])));
}
