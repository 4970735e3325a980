"""Asks the simulated Creatio with an OData client that knows nothing of it but OData 4: what it reads
out of the metadata and the replies must be what the simulator says. Prints how many promises held;
ends at the first that did not."""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timezone
from decimal import Decimal
from uuid import UUID, uuid4

from odatapy.client import (
    ClientResponse,
    EdmEnabledODataClient,
    Field,
    OAuth2ClientCredentialsAuth,
    ODataClientError,
    ODataServerError,
)
from odatapy.client.filters import contains, not_, or_, startswith, tolower
from odatapy.client.transport import PolicyTransport

root, identity, client_id, client_secret = sys.argv[1:]
held = 0


class Wire:
    """HTTP by the standard library, so that nothing else needs to be installed."""

    def send(self, method, url, headers, body):
        request = urllib.request.Request(url, body or None, headers, method=method)
        try:
            with urllib.request.urlopen(request) as reply:
                return ClientResponse(reply.status, dict(reply.headers), reply.read())
        except urllib.error.HTTPError as error:
            return ClientResponse(error.code, dict(error.headers), error.read())


def token():
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
    }
    url = f"{identity}/connect/token"
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode()) as reply:
        return json.load(reply)


auth = OAuth2ClientCredentialsAuth("", client_id, client_secret, token_fetcher=token)
api = EdmEnabledODataClient(root, PolicyTransport(Wire(), auth=auth))


def promise(check):
    global held
    try:
        check()
    except BaseException:
        print(f"broken: {check.__name__}", file=sys.stderr)
        raise
    held += 1


def leads():
    return api.entity_set_uri("Lead")


def found(filter, name="Lead"):
    uri = api.entity_set_uri(name).filter(filter).select("Id").orderby("Id")
    return [row.get_value("Id") for row in api.get_entity_set(uri).entities]


def refused(status, act):
    try:
        act()
    except (ODataClientError, ODataServerError) as error:
        assert error.response.status_code == status, error.response
        return error
    raise AssertionError(f"no {status}")


def id_uri(name, id):
    return api.entity_uri(name, UUID(str(id)))


everything = api.get_entity_set(leads().orderby("Id")).entities


@promise
def the_service_document_names_the_sets_that_the_metadata_has():
    named = set(api.get_service_document().entity_sets)
    edm = api.edm()
    assert {"Lead", "Contact", "Account", "Activity", "QualifyStatus"} <= named, named
    container = edm.entity_container
    assert named == {entity_set.name for entity_set in container.entity_sets}


@promise
def the_metadata_types_every_value():
    assert len(everything) == 30
    lead = everything[0]
    assert isinstance(lead.get_value("Id"), UUID)
    assert isinstance(lead.get_value("ModifiedOn"), datetime)
    assert isinstance(lead.get_value("Budget"), Decimal)
    assert isinstance(lead.get_value("PredictiveScore"), int)
    assert isinstance(lead.get_value("StartLeadManagementProcess"), bool)
    kind = api.edm().entity_container.get_entity_set("Lead").entity_type
    assert kind.get_structural_property("Zip").facets.max_length == 50
    assert kind.get_navigation_property("QualifyStatus").type.name == "QualifyStatus"


@promise
def filters_choose_what_the_client_would_choose_itself():
    def same(filter, choose):
        expected = [lead.get_value("Id") for lead in everything if choose(lead)]
        assert found(filter) == expected, str(filter)

    middle = everything[14]
    at, when = middle.get_value("Id"), middle.get_value("ModifiedOn")
    same(Field("Id").eq(at), lambda lead: lead.get_value("Id") == at)
    same(Field("Id").gt(at), lambda lead: lead.get_value("Id") > at)
    same(Field("ModifiedOn").ge(when), lambda lead: lead.get_value("ModifiedOn") >= when)
    keyset = Field("ModifiedOn").gt(when) | (Field("ModifiedOn").eq(when) & Field("Id").gt(at))
    key = lambda lead: (lead.get_value("ModifiedOn"), lead.get_value("Id"))
    same(keyset, lambda lead: key(lead) > (when, at))
    same(
        not_(contains(Field("Email"), "person1")),
        lambda lead: "person1" not in (lead.get_value("Email") or "").lower(),
    )
    same(
        startswith(tolower(Field("Email")), "person.") & Field("PredictiveScore").lt(20),
        lambda lead: (lead.get_value("Email") or "").lower().startswith("person.")
        and lead.get_value("PredictiveScore") < 20,
    )
    same(
        Field("Contact").eq("Miles O'Brien"),
        lambda lead: lead.get_value("Contact") == "Miles O'Brien",
    )
    scores = or_(*(Field("PredictiveScore").eq(score) for score in (3, 5, 7)))
    same(scores, lambda lead: lead.get_value("PredictiveScore") in (3, 5, 7))


@promise
def lookups_are_found_by_name_and_come_with_the_record():
    [new] = found("Name eq 'New'", "QualifyStatus")
    uri = leads().filter("QualifyStatus/Name eq 'New'").select("Id", "QualifyStatusId")
    rows = api.get_entity_set(uri.expand_with_options("QualifyStatus", select=["Name"])).entities
    assert rows
    for row in rows:
        assert row.get_value("QualifyStatusId") == new
        [link] = row.navigation_links
        assert link.inline_entity.get_value("Name") == "New"


@promise
def pages_and_counts():
    ids = [lead.get_value("Id") for lead in everything]
    page = api.get_entity_set(leads().orderby("Id").skip(10).top(5).count())
    assert [row.get_value("Id") for row in page.entities] == ids[10:15]
    assert page.count == 30 and page.next_link is None
    assert api.get_count(leads().append_count_segment()) == 30
    newest = api.get_entity_set(leads().orderby("ModifiedOn desc,Id desc").top(1)).entities[0]
    key = lambda lead: (lead.get_value("ModifiedOn"), lead.get_value("Id"))
    assert key(newest) == max(map(key, everything))


mine = uuid4()


@promise
def a_record_is_made_changed_and_deleted():
    began = datetime(2026, 10, 1, 7, tzinfo=timezone.utc)
    lead = {"Id": str(mine), "LeadName": "ACME", "Budget": 1500.5, "DecisionDate": "2026-10-01T07:00:00Z"}
    made = api.create_entity("Lead", lead)
    assert made.get_value("Id") == mine
    assert made.get_value("DecisionDate") == began
    assert made.get_value("CreatedOn") == made.get_value("ModifiedOn")
    refused(500, lambda: api.create_entity("Lead", lead))
    assert api.update_entity(id_uri("Lead", mine), {"Zip": "10115"}).status_code == 204
    after = api.get_entity(id_uri("Lead", mine))
    assert after.get_value("Zip") == "10115" and after.get_value("LeadName") == "ACME"
    assert after.get_value("Budget") == Decimal("1500.5")
    assert after.get_value("ModifiedOn") > made.get_value("ModifiedOn")
    assert api.delete_entity(id_uri("Lead", mine)).status_code == 204
    refused(404, lambda: api.get_entity(id_uri("Lead", mine)))


@promise
def a_field_and_its_value_have_addresses():
    lead = everything[3]
    uri = id_uri("Lead", lead.get_value("Id"))
    field = api.get_property(uri.copy().append_property_segment("LeadName"))
    assert field.value == lead.get_value("LeadName")
    bare = uri.copy().append_property_segment("LeadName").append_value_segment()
    assert api.get_value(bare).text() == lead.get_value("LeadName")
    status = api.get_entity(uri.copy().append_navigation_segment("QualifyStatus"))
    assert status.get_value("Id") == lead.get_value("QualifyStatusId")


@promise
def errors_are_errors_of_odata():
    error = refused(400, lambda: found("Nothing eq 1"))
    assert "Could not find a property named 'Nothing'" in str(error), error
    refused(400, lambda: api.get_entity_set(leads().select("QualifyStatus")))
    refused(400, lambda: api.create_entity("Lead", {"QualifyStatusId": "New"}))
    refused(404, lambda: api.get_entity_set(api.entity_set_uri("Nothing")))


def batched(format, goes_on):
    batch = api.batch(format=format, continue_on_error=goes_on)
    ids = [uuid4(), uuid4()]
    first = batch.add_changeset().create("Lead", {"Id": str(ids[0]), "LeadName": "one"})
    broken = batch.add_changeset().create("Lead", {"CountryId": "Canada"})
    last = batch.add_changeset().create("Lead", {"Id": str(ids[1]), "LeadName": "two"})
    count = batch.add_retrieve(leads().append_count_segment())
    result = api.execute_batch(batch)
    assert result.status_code == 200
    assert first.response.status_code == 201 and broken.response.status_code == 400
    assert first.entity().get_value("LeadName") == "one"
    if goes_on:
        assert last.response.status_code == 201
        assert int(count.response.content) == 32, count.response.content
    else:
        assert last.response is None and len(result) == 2
    away = api.batch(format=format)
    changes = away.add_changeset()
    for id in ids if goes_on else ids[:1]:
        changes.update(id_uri("Lead", id), {"Zip": "1"})
        changes.delete(id_uri("Lead", id))
    gone = api.execute_batch(away)
    assert gone.is_success and {reply.status_code for reply in gone} == {204}
    assert api.get_count(leads().append_count_segment()) == 30


@promise
def batches_of_both_forms_end_at_a_failure_or_go_on():
    for format in ("json", "multipart"):
        for goes_on in (False, True):
            batched(format, goes_on)


@promise
def a_token_that_is_refused_is_asked_for_again():
    auth._access_token = "wrong"
    assert api.get_count(leads().append_count_segment()) == 30
    assert auth.access_token != "wrong"
    assert not auth.is_expired()


print(f"{held} promises held")
