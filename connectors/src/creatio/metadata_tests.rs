use super::*;

const XML: &str = r#"<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>
    <edmx:Edmx Version="4.0" xmlns:edmx="e"><edmx:DataServices>
    <Schema Namespace="T" xmlns="s">
      <EntityType Name="Base"><Property Name="Id" Type="Edm.Guid" Nullable="false"/></EntityType>
      <EntityType Name="Lead" BaseType="T.Base">
        <Property Name="Email" Type="Edm.String" MaxLength="250"/>
        <Property Name="Notes" Type="Edm.String" MaxLength="max"></Property>
        <Property Name="OwnerId" Type="Edm.Guid"/><Property Name="StateId" Type="Edm.Guid"/>
        <Property Name="Budget" Type="Edm.Decimal"/><Property Name="Odd" Type="Edm.Geography"/>
        <NavigationProperty Name="Owner" Type="T.Contact">
          <ReferentialConstraint Property="OwnerId" ReferencedProperty="Id"/></NavigationProperty>
        <NavigationProperty Name="State" Type="T.Status"/>
        <NavigationProperty Name="Odd" Type="Collection(T.Lead)"/>
      </EntityType>
      <EntityType Name="Contact"/><EntityType Name="Status"/>
      <EntityContainer Name="C">
        <EntitySet Name="Lead" EntityType="T.Lead"><NavigationPropertyBinding Path="Owner" Target="Person"/></EntitySet>
        <EntitySet Name="Person" EntityType="T.Contact"/><EntitySet Name="LeadStatus" EntityType="T.Status"/>
      </EntityContainer>
    </Schema></edmx:DataServices></edmx:Edmx>"#;

#[test]
fn columns_have_their_types_lengths_and_lookups() {
    let metadata = Metadata::parse(XML).unwrap();
    let lead = metadata.entity("Lead").unwrap();
    let lookup = |name| lead.property(name).unwrap().lookup.as_deref();

    assert_eq!(
        metadata.sets().collect::<Vec<_>>(),
        ["Lead", "LeadStatus", "Person"]
    );
    assert_eq!(lead.property("Email").unwrap().max_length, Some(250));
    assert_eq!(lead.property("Notes").unwrap().max_length, None);
    assert!(!lead.property("Id").unwrap().nullable, "it is inherited");
    assert_eq!(lead.property("Budget").unwrap().edm, Edm::Decimal);
    assert_eq!(lead.property("Odd").unwrap().edm, Edm::Other);
    assert_eq!(
        (lookup("OwnerId"), lookup("StateId")),
        (Some("Person"), Some("LeadStatus"))
    );
    assert_eq!(lookup("Odd"), None);
    assert!(lead.property("Owner").is_none());
}

#[test]
fn half_of_a_description_is_none() {
    for end in 60..XML.len() - 1 {
        assert!(Metadata::parse(&XML[..end]).is_err(), "cut at {end}");
    }
    for odd in ["", "<html><body>Login</body></html>", "{}", "<a></b>"] {
        assert!(Metadata::parse(odd).is_err(), "{odd}");
    }
}
