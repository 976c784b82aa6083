"""Contracts as symbols: OpenAPI, protobuf, GraphQL, SQL."""

from __future__ import annotations

import json

import pytest

from context.codegraph.extract import extract
from context.languages import id_for_path
from tests.marks import files
from tests.test_extract_languages import outline, taken, used


def check_schema(contract: str) -> None:
    """Compares all that is told of the contract's first file with what its other parts expect."""
    (path, source), *expected = files(contract).items()
    facts = extract(path, id_for_path(path) or "", source.encode())
    told = {
        "symbols": outline(facts),
        "imports": taken(facts.imports),
        "uses": used(facts),
        "signatures": [symbol.signature for symbol in facts.symbols if symbol.container < 0],
        "docs": [f"{symbol.name}: {symbol.doc}" for symbol in facts.symbols if symbol.doc],
    }
    assert {part: "\n".join(told[part]) + "\n" for part, _ in expected} == dict(expected)


OPENAPI = """\
-- shop.yaml --
openapi: 3.0.3
info: {title: Shop, version: "1"}
paths:
  /orders/{id}:
    parameters:
      - name: id
        in: path
        required: true
        schema: {type: integer}
    get:
      operationId: getOrder
      summary: Finds one.
      parameters:
        - $ref: '#/components/parameters/Expand'
        - {name: tags, in: query, schema: {type: array, items: {type: string}}}
      responses:
        '200':
          description: found
          content:
            application/json:
              schema:
                $ref: "#/components/schemas/Order"
        default:
          $ref: '#/components/responses/Fault'
    "put":  # a comment
      requestBody:
        content:
          application/json:
            schema: {$ref: '#/components/schemas/NewOrder'}
      responses: {201: {description: made}}
components:
  schemas:
    Order:
      description: |
        What a customer wants.
        More.
      allOf:
        - $ref: '#/components/schemas/Base'
        - type: object
          required: [id]
          properties:
            id: {type: integer, format: int64}
            items:
              type: array
              items:
                $ref: '#/components/schemas/Item'
            payment:
              oneOf:
                - $ref: '#/components/schemas/Card'
                - $ref: '#/components/schemas/Cash'
    State: {type: string, enum: [open, paid]}
    Ids: {type: array, items: {type: string}}
-- symbols --
operation GET /orders/{id}: Order
  operation getOrder: Order
operation PUT /orders/{id}
message Order
  field id: integer
  field items: Item
  field payment: Card
enum State
message Ids
-- uses --
GET /orders/{id}: Expand, Order, Fault
PUT /orders/{id}: NewOrder
Order: < Base, Item, Card, Cash
-- signatures --
GET /orders/{id} -> Order
  operationId: getOrder
  id: integer (path)
  Expand
  tags: string[] (query)
  200: Order
  default: Fault
PUT /orders/{id}
  id: integer (path)
  body: NewOrder
Order
  id: integer
  items?: Item[]
  payment?: Card | Cash
State = open | paid
Ids = string[]
-- docs --
GET /orders/{id}: Finds one.
getOrder: Finds one.
Order: What a customer wants.
"""

SWAGGER = """\
-- shop.json --
{
  "swagger": "2.0",
  "paths": {
    "/orders": {
      "post": {
        "operationId": "createOrder",
        "parameters": [
          {"name": "limit", "in": "query", "type": "integer"},
          {"name": "order", "in": "body", "schema": {"$ref": "#/definitions/NewOrder"}}
        ],
        "responses": {"201": {"schema": {"type": "array", "items": {"$ref": "#/definitions/Order"}}}}
      }
    }
  },
  "definitions": {
    "Order": {
      "type": "object",
      "properties": {
        "id": {"type": "string"}
      }
    }
  }
}
-- symbols --
operation POST /orders: Order
  operation createOrder: Order
message Order
  field id: string
-- uses --
POST /orders: NewOrder, Order
-- signatures --
POST /orders -> Order[]
  operationId: createOrder
  limit: integer (query)
  body: NewOrder
  201: Order[]
Order
  id?: string
"""

PROTO = """\
-- shop.proto --
syntax = "proto3";
package acme.shop.v1;
import "google/protobuf/timestamp.proto";
import public "acme/item.proto";
option go_package = "acme.com/shop;shop";

// What a customer wants.
// More.
message Order {
  // Who wants it; message Not { }
  int64 id = 1 [(rules).int64.gt = 0, deprecated = true];
  repeated Item items = 2;
  map<string, acme.Money> prices = 3;
  optional .google.protobuf.Timestamp at = 4;
  oneof payment {
    Card card = 5;
    string cash = 6;
  }
  enum State {
    STATE_OPEN = 0;
    STATE_PAID = 1 [deprecated = true];
  }
  message Line { bool gone = 1; }
  reserved 7, 8;
}

service Orders {
  option (auth) = { role: "x" inner { deep: 2 } };
  rpc Get(GetRequest) returns (stream Order);
  rpc Put (stream acme.Order) returns (Empty) {
    option (google.api.http) = { get: "/v1/{name=orders/*}" };
  }
}
-- symbols --
module acme.shop.v1
message Order
  field id: int64
  field items: Item
  field prices: Money
  field at: Timestamp
  field card: Card
  field cash: string
  enum State
    constant STATE_OPEN
    constant STATE_PAID
  message Line
    field gone: bool
service Orders
  operation Get: Order
  operation Put: Empty
-- imports --
google/protobuf/timestamp.proto *
acme/item.proto *
-- uses --
items: Item
prices: Money
at: Timestamp
card: Card
Get: GetRequest, Order
Put: Order, Empty
-- signatures --
package acme.shop.v1;
message Order {
service Orders {
-- docs --
Order: What a customer wants.
id: Who wants it; message Not { }
"""

GRAPHQL = '''\
-- shop.graphql --
"""
What a customer wants.
"""
type Order implements Node & Entity @key(fields: "id") {
  "Unique; type Not { }"
  id: ID!
  items(first: Int = 10, after: String,
        filter: ItemFilter): [Item!]!
  total: Money @deprecated(reason: "x: y")
  type: Kind
}

input NewOrder { name: String!, items: [ItemInput!] }
enum Kind { OPEN PAID @old(since: 1) GONE }
union Found = Order | Item
scalar Money

extend type Query {
  order(id: ID!): Order
}

query GetOrder($id: ID!) { order(id: $id) { ...Parts } }
fragment Parts on Order { id }
-- symbols --
message Order
  field id: ID
  field items: Item
  field total: Money
  field type: Kind
message NewOrder
  field name: String
  field items: ItemInput
enum Kind
  constant OPEN
  constant PAID
  constant GONE
type Found
type Money
message Query
  operation order: Order
operation GetOrder
type Parts
-- uses --
Order: < Node, < Entity
items: ItemFilter, Item, ItemInput
total: Money
type: Kind
Found: Order, Item
order: Order
Parts: Order
-- signatures --
type Order implements Node & Entity @key(fields: "id") {
input NewOrder { name: String!, items: [ItemInput!] }
enum Kind { OPEN PAID @old(since: 1) GONE }
union Found = Order | Item
scalar Money
extend type Query {
query GetOrder($id: ID!) { order(id: $id) { ...Parts } }
fragment Parts on Order { id }
-- docs --
Order: What a customer wants.
id: Unique; type Not { }
'''

SQL = """\
-- shop.sql --
-- What customers want.
CREATE TABLE IF NOT EXISTS shop.orders (
    id BIGSERIAL PRIMARY KEY,
    customer_id INT NOT NULL REFERENCES customers(id) ON DELETE CASCADE,
    "total" NUMERIC(10, 2) DEFAULT 0.0 CHECK (total >= 0), -- net, of all
    note TEXT DEFAULT 'a, b); CREATE TABLE not (c int)',
    CONSTRAINT of_item FOREIGN KEY (item_id) REFERENCES items (id),
    UNIQUE (id, total)
);
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE OR REPLACE VIEW open_orders AS SELECT id FROM orders;
CREATE TABLE `items` (
  `id` int(11) NOT NULL AUTO_INCREMENT COMMENT 'the id',
  PRIMARY KEY (`id`),
  KEY `by_id` (`id`)
) ENGINE=InnoDB;
CREATE TABLE [dbo].[Customers] (
  [Id] INT IDENTITY(1,1) NOT NULL,
  [Full Name] NVARCHAR(MAX) NULL
)
GO
ALTER TABLE shop.orders ADD COLUMN paid_at TIMESTAMP;
ALTER TABLE elsewhere ADD extra INT;
CREATE FUNCTION total_of(order_id INT,
                         rate NUMERIC) RETURNS NUMERIC AS $$ BEGIN RETURN 1; END; $$ LANGUAGE plpgsql;
-- symbols --
table orders
  field id: bigserial
  field customer_id: int
  field total: numeric
  field note: text
type mood
table open_orders
table items
  field id: int
table Customers
  field Id: int
  field Full Name: nvarchar
function total_of
  field paid_at: timestamp
extension elsewhere
  field extra: int
-- uses --
customer_id: customers
orders: items
-- signatures --
CREATE TABLE IF NOT EXISTS shop.orders (
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE OR REPLACE VIEW open_orders AS SELECT id FROM orders;
CREATE TABLE `items` (
CREATE TABLE [dbo].[Customers] (
CREATE FUNCTION total_of(order_id INT,
                         rate NUMERIC) RETURNS NUMERIC AS $$ BEGIN RETURN 1; END; $$ LANGUAGE plpgsql;

-- docs --
orders: What customers want.
"""

CONTRACTS = (OPENAPI, SWAGGER, PROTO, GRAPHQL, SQL)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.split()[1])
def test_contract(contract: str) -> None:
    check_schema(contract)


def test_json_and_yaml_that_are_no_contract_have_nothing_to_find() -> None:
    lock = json.dumps(
        {"lockfileVersion": 3, "packages": {f"p{n}": {"version": "1.0", "openapi": "3.1.0"} for n in range(50)}}
    )
    for path, text in (("a.json", lock), ("a.yaml", "name: x\non: [push]\n# openapi: 3.0.0\njobs: {}\n")):
        facts = extract(path, id_for_path(path) or "", text.encode())
        assert (facts.symbols, facts.chunks) == ((), ())


def test_rows_that_are_only_moved_are_no_contract() -> None:
    facts = extract("a.sql", "sql", b"INSERT INTO orders VALUES (1, 'CREATE TABLE x (y int)');\n" * 100)
    assert facts.symbols == ()
