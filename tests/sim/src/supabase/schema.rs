//! The tables of the booking site and of the CRM, with what their functions give.

use super::cell::Kind;
use super::table::{Fill, Table};
use super::world::{AVAILABLE_ROWS, PACKAGE_ROWS};

pub(super) fn tables(integer_ids: bool) -> Vec<Table> {
    use Fill::{NewId, Now, Null};
    use Kind::{Date, Int, Numeric, Text, Timestamp, Uuid};
    let customer_id = if integer_ids { Int } else { Uuid };
    let mut tables = vec![
        Table::new(
            "customers",
            &[
                ("id", customer_id, NewId),
                ("customer_name", Text, Null),
                ("contact_number", Text, Null),
                ("email", Text, Null),
                ("store", Text, Null),
                ("address", Text, Null),
                ("date_of_birth", Date, Null),
                ("available_credit", Numeric, Null),
                ("stable_hash_id", Text, Null),
                ("update_time", Timestamp, Now),
                ("created_at", Timestamp, Now),
            ],
            &[&["id"]],
        ),
        package_rows(),
        Table::new(
            AVAILABLE_ROWS,
            &[
                ("id", Int, NewId),
                ("customer_name", Text, Null),
                ("package_type_name", Text, Null),
                ("first_use_date", Date, Null),
                ("expiration_date", Date, Null),
                ("remaining_hours", Numeric, Null),
            ],
            &[&["id"]],
        ),
    ];
    tables.extend(booking_site());
    tables
}

fn booking_site() -> [Table; 3] {
    use Fill::{NewId, Now, Null, Required};
    use Kind::{Bool, Date, Json, Numeric, Text, Timestamp, Uuid};
    [
        Table::new(
            "profiles",
            &[
                ("id", Uuid, NewId),
                ("line_id", Text, Null),
                ("display_name", Text, Null),
                ("email", Text, Null),
                ("phone_number", Text, Null),
                ("created_at", Timestamp, Now),
            ],
            &[&["id"], &["line_id"]],
        ),
        Table::new(
            "crm_customer_mapping",
            &[
                ("id", Uuid, NewId),
                ("profile_id", Uuid, Required),
                ("crm_customer_id", Text, Null),
                ("crm_customer_data", Json, Null),
                ("is_matched", Bool, Null),
                ("match_method", Text, Null),
                ("stable_hash_id", Text, Null),
                ("created_at", Timestamp, Now),
            ],
            &[&["id"], &["profile_id", "crm_customer_id"]],
        ),
        Table::new(
            "crm_packages",
            &[
                ("id", Uuid, NewId),
                ("crm_package_id", Text, Required),
                ("crm_customer_id", Text, Null),
                ("customer_name", Text, Null),
                ("package_type_name", Text, Null),
                ("first_use_date", Date, Null),
                ("expiration_date", Date, Null),
                ("remaining_hours", Numeric, Null),
                ("website_id", Text, Fill::Text("booking.len.golf")),
                ("stable_hash_id", Text, Null),
            ],
            &[&["id"], &["crm_package_id", "website_id"]],
        ),
    ]
}

fn package_rows() -> Table {
    use Kind::{Date, Int, Numeric, Text};
    Table::new(
        PACKAGE_ROWS,
        &[
            ("id", Int, Fill::NewId),
            ("crm_package_id", Text, Fill::Null),
            ("customer_name", Text, Fill::Null),
            ("package_name_from_def", Text, Fill::Null),
            ("package_display_name_from_def", Text, Fill::Null),
            ("package_type_from_def", Text, Fill::Null),
            ("package_total_hours_from_def", Numeric, Fill::Null),
            ("package_pax_from_def", Int, Fill::Null),
            ("package_validity_period_from_def", Text, Fill::Null),
            ("first_use_date", Date, Fill::Null),
            ("expiration_date", Date, Fill::Null),
            ("calculated_remaining_hours", Numeric, Fill::Null),
            ("calculated_used_hours", Numeric, Fill::Null),
            ("stable_hash_id", Text, Fill::Null),
            ("created_at_for_purchase_date", Text, Fill::Null),
        ],
        &[&["id"]],
    )
}
