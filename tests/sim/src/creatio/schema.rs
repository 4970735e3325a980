//! The entities and their columns (sheet section 3), as one line of text each.

use std::collections::BTreeMap;

use super::cell::Kind;

/// One column of an entity.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The entity that a lookup is of.
    pub(super) target: Option<&'static str>,
    /// Characters that fit.
    pub(super) length: Option<usize>,
    pub(super) is_required: bool,
    pub(super) is_phone: bool,
}

impl Column {
    /// The navigation property of a lookup: its column without `Id`.
    pub(super) fn navigation(&self) -> Option<&'static str> {
        self.target.and(self.name.strip_suffix("Id"))
    }
}

/// One entity, which is also the name of its set.
#[derive(Debug)]
pub(super) struct Entity {
    pub(super) name: &'static str,
    pub(super) columns: Vec<Column>,
}

/// Where the columns stand that every entity has.
pub(super) const ID: usize = 0;
pub(super) const CREATED_ON: usize = 1;
pub(super) const CREATED_BY: usize = 2;
pub(super) const MODIFIED_ON: usize = 3;
pub(super) const MODIFIED_BY: usize = 4;

const EVERYWHERE: &str = "Id:guid CreatedOn:time CreatedById>Contact ModifiedOn:time ModifiedById>Contact \
     ProcessListeners:int";

/// `name:kind`, `name>entity` for a lookup, `!` for a column that must be filled in. Texts have the
/// number of characters that fit. The sheet names the columns; the lengths are the simulator's own.
const ENTITIES: [(&str, &str); 6] = [
    (
        "Lead",
        "LeadName:250 Contact:250 Account:250 Dear:250 FullJobTitle:250 JobId>Job Email:250 \
         MobilePhone:phone BusinesPhone:phone Website:250 Zip:50 Address:500 CityId>City \
         RegionId>Region CountryId>Country Commentary:long Notes:long Budget:decimal Score:decimal \
         PredictiveScore:int DecisionDate:time MeetingDate:time QualifyStatusId>QualifyStatus \
         StatusId>LeadStatus LeadTypeId>LeadType LeadTypeStatusId>LeadTypeStatus \
         LeadSourceId>LeadSource LeadMediumId>LeadMedium RegisterMethodId>LeadRegisterMethod \
         LeadDisqualifyReasonId>LeadDisqualifyReason IndustryId>AccountIndustry \
         EmployeesNumberId>AccountEmployeesNumber AnnualRevenueId>AccountAnnualRevenue \
         DepartmentId>Department DecisionRoleId>ContactDecisionRole OwnerId>Contact \
         SalesOwnerId>Contact QualifiedContactId>Contact QualifiedAccountId>Account \
         OpportunityId>Opportunity StartLeadManagementProcess:bool",
    ),
    (
        "Contact",
        "Name:250! Surname:250 GivenName:250 MiddleName:250 AccountId>Account TypeId>ContactType \
         JobId>Job JobTitle:250 DepartmentId>Department Phone:phone MobilePhone:phone \
         HomePhone:phone Email:250 OwnerId>Contact CountryId>Country RegionId>Region CityId>City \
         Address:500 Zip:50 DoNotUseEmail:bool DoNotUseCall:bool DoNotUseSms:bool DoNotUseFax:bool \
         DoNotUseMail:bool Notes:long Age:int Completeness:int ContactPhoto:stream",
    ),
    (
        "Account",
        "Name:250! OwnerId>Contact PrimaryContactId>Contact IndustryId>AccountIndustry \
         Phone:phone Web:250 CountryId>Country RegionId>Region CityId>City Address:500 Zip:50 \
         EmployeesNumberId>AccountEmployeesNumber AnnualRevenueId>AccountAnnualRevenue Notes:long",
    ),
    (
        "Activity",
        "Title:500! StartDate:time! DueDate:time! TypeId>ActivityType \
         ActivityCategoryId>ActivityCategory StatusId>ActivityStatus PriorityId>ActivityPriority \
         ResultId>ActivityResult DetailedResult:long Notes:long Location:250 OwnerId>Contact \
         AuthorId>Contact OrganizerId>Contact ContactId>Contact AccountId>Account LeadId>Lead \
         OpportunityId>Opportunity ShowInScheduler:bool RemindToOwner:bool RemindToOwnerDate:time \
         DurationInMinutes:int GlobalActivityID:250 Body:long Sender:500 Recepient:500 \
         CopyRecepient:500",
    ),
    (
        "ActivityParticipant",
        "ActivityId>Activity! ParticipantId>Contact RoleId>ActivityParticipantRole \
         InviteParticipant:bool InviteResponseId>ParticipantResponse ReadMark:bool Description:250",
    ),
    (
        "QualifyStatus",
        "Name:250! Description:250 StageNumber:int StageOrder:int IsFinal:bool IsDisplayed:bool \
         Successful:bool",
    ),
];

/// Lookups that have a name and a description.
pub(super) const LOOKUPS: [&str; 25] = [
    "LeadStatus",
    "LeadType",
    "LeadTypeStatus",
    "LeadSource",
    "LeadMedium",
    "LeadRegisterMethod",
    "LeadDisqualifyReason",
    "AccountIndustry",
    "AccountEmployeesNumber",
    "AccountAnnualRevenue",
    "Department",
    "ContactDecisionRole",
    "ContactType",
    "Job",
    "City",
    "Region",
    "Country",
    "ActivityType",
    "ActivityCategory",
    "ActivityStatus",
    "ActivityPriority",
    "ActivityResult",
    "ActivityParticipantRole",
    "ParticipantResponse",
    "Opportunity",
];

/// All entities by their names.
#[derive(Debug)]
pub(super) struct Schema(BTreeMap<&'static str, Entity>);

impl Schema {
    pub(super) fn new() -> Self {
        let lookups = LOOKUPS.map(|name| (name, "Name:250! Description:250"));
        let all = ENTITIES.into_iter().chain(lookups);
        let entity = |(name, own): (&'static str, &'static str)| {
            let columns = EVERYWHERE.split_whitespace().chain(own.split_whitespace());
            let columns = columns.map(column).collect();
            (name, Entity { name, columns })
        };
        Self(all.map(entity).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Entity> {
        self.0.get(name)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Entity> {
        self.0.values()
    }
}

impl Entity {
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The lookup column behind a navigation property.
    pub(super) fn navigation(&self, name: &str) -> Option<usize> {
        let mut columns = self.columns.iter();
        columns.position(|column| column.navigation() == Some(name))
    }

    /// As the metadata names its type.
    pub(super) fn type_name(&self) -> String {
        format!("{NAMESPACE}.{}", self.name)
    }
}

/// The namespace of the types.
pub(super) const NAMESPACE: &str = "Terrasoft.Configuration";

fn column(said: &'static str) -> Column {
    let (said, is_required) = match said.strip_suffix('!') {
        Some(said) => (said, true),
        None => (said, false),
    };
    let (name, kind, target) = match said.split_once('>') {
        Some((name, target)) => (name, "guid", Some(target)),
        None => {
            let (name, kind) = said.split_once(':').unwrap_or((said, "long"));
            (name, kind, None)
        }
    };
    let is_phone = kind == "phone";
    Column {
        name,
        kind: match kind {
            "guid" => Kind::Guid,
            "int" => Kind::Int,
            "decimal" => Kind::Decimal,
            "bool" => Kind::Bool,
            "time" => Kind::Time,
            "stream" => Kind::Stream,
            _ => Kind::Text,
        },
        target,
        length: if is_phone {
            Some(250)
        } else {
            kind.parse().ok()
        },
        is_required,
        is_phone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lookup_is_of_an_entity_that_there_is() {
        let schema = Schema::new();

        for entity in schema.all() {
            assert_eq!(entity.columns[MODIFIED_ON].name, "ModifiedOn");
            for column in &entity.columns {
                if let Some(target) = column.target {
                    assert!(schema.get(target).is_some(), "{target}");
                    assert!(column.navigation().is_some(), "{}", column.name);
                }
            }
        }
    }
}
