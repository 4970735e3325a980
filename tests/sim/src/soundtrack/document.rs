//! Reads a GraphQL document before it runs: its name, whom it is about and what it costs.

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
    SelectionSet,
};
use async_graphql::{Name, Value, Variables};

use super::switches::{CostModel, Switches};

// A cyclic fragment is refused by the schema's validation, after the price was worked out.
const DEEPEST: usize = 64;

/// What is known of a call before it runs.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) syntax: ExecutableDocument,
    /// The operation's name, or its root fields when it has none.
    pub(super) operation: String,
    pub(super) is_mutation: bool,
    /// Every string in the arguments of the root fields: the ids the call is about.
    pub(super) ids: Vec<String>,
    pub(super) cost: u64,
}

/// Parses `query` and picks the operation called `name`, or the only one.
///
/// # Errors
/// The message for the client.
pub(super) fn read(
    query: &str,
    name: Option<&str>,
    variables: &Variables,
    switches: &Switches,
) -> Result<Document, String> {
    let syntax = parse_query(query).map_err(|error| error.to_string())?;
    let (found, operation) = operation(&syntax, name)?;
    let meter = Meter {
        syntax: &syntax,
        operation,
        variables,
        switches,
    };
    let roots = meter.roots();
    let title = match found {
        Some(name) => name,
        None => roots
            .iter()
            .map(|field| field.name.node.as_str())
            .collect::<Vec<_>>()
            .join(","),
    };
    let mut ids = Vec::new();
    for field in &roots {
        for nth in 0..field.arguments.len() {
            strings_of(&meter.argument(field, nth), &mut ids);
        }
    }
    let is_mutation = operation.ty == OperationType::Mutation;
    let cost = meter
        .cost(&operation.selection_set.node, 1, false, 0)
        .max(1);
    Ok(Document {
        operation: title,
        is_mutation,
        ids,
        cost,
        syntax,
    })
}

fn operation<'a>(
    syntax: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<(Option<String>, &'a OperationDefinition), String> {
    match (&syntax.operations, name) {
        (DocumentOperations::Single(only), _) => {
            // Single is how the parser calls an operation without a name.
            Ok((name.map(str::to_owned), &only.node))
        }
        (DocumentOperations::Multiple(all), Some(name)) => match all.get(name) {
            Some(found) => Ok((Some(name.to_owned()), &found.node)),
            None => Err(format!("Unknown operation named \"{name}\".")),
        },
        (DocumentOperations::Multiple(all), None) => match all.iter().next() {
            Some((name, found)) if all.len() == 1 => Ok((Some(name.to_string()), &found.node)),
            _ => Err("Must provide operation name if query contains multiple operations.".into()),
        },
    }
}

struct Meter<'a> {
    syntax: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    switches: &'a Switches,
}

impl<'a> Meter<'a> {
    fn roots(&self) -> Vec<&'a Field> {
        let mut roots = Vec::new();
        self.collect_roots(&self.operation.selection_set.node, &mut roots, 0);
        roots
    }

    fn collect_roots(&self, set: &'a SelectionSet, roots: &mut Vec<&'a Field>, depth: usize) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => roots.push(&field.node),
                other => {
                    if let Some(inner) = self.fragment(other)
                        && depth < DEEPEST
                    {
                        self.collect_roots(inner, roots, depth + 1);
                    }
                }
            }
        }
    }

    fn fragment(&self, selection: &'a Selection) -> Option<&'a SelectionSet> {
        match selection {
            Selection::Field(_) => None,
            Selection::InlineFragment(inline) => Some(&inline.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                Some(&self.syntax.fragments.get(name)?.node.selection_set.node)
            }
        }
    }

    /// The documented price: every field with fields of its own costs one for each time it can
    /// occur, and each page size on the way down multiplies that. The vendor's example: account 1
    /// + locations(first: 10) 10 + soundZones(first: 10) 100 + device 100 = 211.
    fn cost(&self, set: &'a SelectionSet, times: u64, in_edges: bool, depth: usize) -> u64 {
        if depth > DEEPEST {
            return 0;
        }
        let costs = set.items.iter().map(|item| match &item.node {
            Selection::Field(field) => self.cost_of_field(&field.node, times, in_edges, depth),
            other => match self.fragment(other) {
                Some(inner) => self.cost(inner, times, in_edges, depth + 1),
                None => 0,
            },
        });
        costs.fold(0, u64::saturating_add)
    }

    fn cost_of_field(&self, field: &'a Field, times: u64, in_edges: bool, depth: usize) -> u64 {
        let inner = &field.selection_set.node;
        let name = field.name.node.as_str();
        if inner.items.is_empty() || name.starts_with("__") || name == "queryInfo" {
            return 0;
        }
        // The parts of a connection are one thing with it.
        if name == "edges" || name == "pageInfo" || (in_edges && name == "node") {
            return self.cost(inner, times, name == "edges", depth + 1);
        }
        let page = self.page_size(field);
        let times = match self.switches.cost_model {
            CostModel::Documented => times.saturating_mul(page),
            CostModel::Soft => times.max(page),
        };
        times.saturating_add(self.cost(inner, times, false, depth + 1))
    }

    /// 1 for a field that is no connection.
    fn page_size(&self, field: &Field) -> u64 {
        let asked = ["first", "last"]
            .iter()
            .find_map(|name| self.number(field, name));
        let has_edges = field
            .selection_set
            .node
            .items
            .iter()
            .any(|item| match &item.node {
                Selection::Field(part) => {
                    matches!(part.node.name.node.as_str(), "edges" | "pageInfo")
                }
                _ => false,
            });
        match asked {
            Some(size) => size,
            None if has_edges => u64::from(self.switches.default_page_size),
            None => 1,
        }
    }

    fn number(&self, field: &Field, argument: &str) -> Option<u64> {
        let found = field
            .arguments
            .iter()
            .position(|(name, _)| name.node == argument)?;
        match self.argument(field, found) {
            Value::Number(number) => Some(number.as_u64().unwrap_or(0)),
            _ => None,
        }
    }

    /// The value of a field's nth argument, with null for a variable that has none.
    fn argument(&self, field: &Field, nth: usize) -> Value {
        let value = field.arguments[nth].1.node.clone();
        let resolved = value.into_const_with(|name| {
            Ok::<_, std::convert::Infallible>(self.variable(&name).unwrap_or_default())
        });
        resolved.unwrap_or_default()
    }

    fn variable(&self, name: &Name) -> Option<Value> {
        if let Some(value) = self.variables.get(name) {
            return Some(value.clone());
        }
        let definitions = &self.operation.variable_definitions;
        let definition = definitions.iter().find(|one| one.node.name.node == *name)?;
        Some(definition.node.default_value.as_ref()?.node.clone())
    }
}

fn strings_of(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::List(items) => items.iter().for_each(|item| strings_of(item, found)),
        Value::Object(fields) => fields.values().for_each(|item| strings_of(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NESTED: &str = r#"{ account(id: "a") { businessName locations(first: 10) { edges { node {
        name soundZones(first: 10) { edges { node { name device { name } } } } } } } } }"#;

    fn cost(query: &str, variables: serde_json::Value, switches: &Switches) -> u64 {
        read(query, None, &Variables::from_json(variables), switches)
            .unwrap()
            .cost
    }

    #[test]
    fn the_vendors_example_costs_211() {
        assert_eq!(
            cost(NESTED, serde_json::json!({}), &Switches::default()),
            211
        );
    }

    #[test]
    fn the_soft_model_does_not_multiply_nested_pages() {
        let soft = Switches {
            cost_model: CostModel::Soft,
            ..Switches::default()
        };

        assert_eq!(cost(NESTED, serde_json::json!({}), &soft), 31);
    }

    #[test]
    fn page_sizes_are_read_from_variables_defaults_and_fragments() {
        let query = "query Z($n: Int, $m: Int = 3) { account(id: \"a\") { ...A } }
            fragment A on Account { soundZones(first: $n) { edges { node { id } } }
                locations(last: $m) { edges { node { id } } } }";
        let omitted = "{ account(id: \"a\") { soundZones { edges { node { id } } } } }";

        assert_eq!(
            cost(query, serde_json::json!({"n": 7}), &Switches::default()),
            1 + 7 + 3
        );
        assert_eq!(
            cost(omitted, serde_json::json!({}), &Switches::default()),
            1 + 20
        );
    }

    #[test]
    fn the_ids_of_root_arguments_are_found_in_variables_and_inputs() {
        let query = "mutation($z: ID!) { soundZoneAssignSource(
            input: {soundZones: [$z, \"b\"], source: \"c\"}) { source } }";
        let variables = Variables::from_json(serde_json::json!({"z": "a"}));

        let document = read(query, None, &variables, &Switches::default()).unwrap();

        assert_eq!(document.ids, ["a", "b", "c"]);
        assert!(document.is_mutation);
        assert_eq!(document.operation, "soundZoneAssignSource");
    }
}
