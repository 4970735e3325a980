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
async fn text_of_others_cannot_steer_the_terminal() {
    let database = database().await;
    let company = jobs::company::NewCompany {
        name: "=HYPERLINK(1)\u{202e}evil".into(),
        ..jobs::company::NewCompany::default()
    };
    jobs::company::create(database.pool(), &company)
        .await
        .expect("company");
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
