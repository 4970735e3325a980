//! How a case is left.

use serde_json::Value;

use crate::creatio::Status;
use crate::flow::reconcile::case::Case;
use crate::plan::reconcile::Base;

pub(super) struct Left {
    pub(super) base: Option<Base>,
    pub(super) status: Status,
    pub(super) direction: Option<&'static str>,
    pub(super) code: Option<String>,
    pub(super) detail: Option<Value>,
    pub(super) again_s: Option<f64>,
}

impl Left {
    pub(super) fn at(base: Base, status: Status) -> Left {
        Left {
            base: Some(base),
            status,
            direction: None,
            code: None,
            detail: None,
            again_s: None,
        }
    }

    /// As it was, but for the word.
    pub(super) fn stands(case: &Case, status: Status, code: Option<&str>) -> Left {
        Left {
            base: case.base.clone(),
            status,
            direction: None,
            code: code.map(str::to_owned),
            detail: None,
            again_s: None,
        }
    }

    pub(super) fn because(mut self, detail: Value) -> Left {
        self.detail = Some(detail).filter(|detail| !detail.is_null());
        self
    }

    pub(super) fn again(mut self, after_s: f64) -> Left {
        self.again_s = Some(after_s);
        self
    }

    pub(super) fn wrong(mut self, status: Status, code: &str, detail: Value) -> Left {
        (self.status, self.code, self.detail) = (status, Some(code.to_owned()), Some(detail));
        self
    }
}
