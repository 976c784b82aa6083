"""What is found in a file of each language: its symbols, its imports, and the names that it uses.

A sample's marks: `-- cart.py --` begins the file, `-- symbols --` the expected outline (kind, name, bare type),
`-- imports --` what it takes (module, name, alias), `-- uses --` what each symbol uses: `< base`, `call()`,
`receiver.member`.
"""

from __future__ import annotations

import textwrap

import pytest

from context.codegraph.extract import extract
from context.codegraph.facts import Edge, FileFacts, Import
from context.codegraph.grammar_query import grammar_query
from context.languages import LANGUAGES, id_for_path
from tests.marks import files


def check_extract(sample: str) -> None:
    """Compares all that is told of the sample's first file with what its other parts expect."""
    (path, source), *expected = files(sample).items()
    facts = extract(path, id_for_path(path) or "", source.encode())
    told = {"symbols": outline(facts), "imports": taken(facts.imports), "uses": used(facts)}
    assert {part: "\n".join(lines) + "\n" for part, lines in told.items()} == dict(expected)


def outline(facts: FileFacts) -> list[str]:
    depths: list[int] = []
    lines = []
    for symbol in facts.symbols:
        depths.append(depths[symbol.container] + 1 if symbol.container >= 0 else 0)
        type_ = f": {symbol.type}" if symbol.type else ""
        lines.append(f"{'  ' * depths[-1]}{symbol.kind} {symbol.name}{type_}{'' if symbol.is_public else ' (private)'}")
    return lines


def taken(imports: tuple[Import, ...]) -> list[str]:
    return [" ".join(filter(None, (one.module, one.name, f"as {one.alias}" if one.alias else ""))) for one in imports]


def used(facts: FileFacts) -> list[str]:
    by_symbol: dict[str, list[str]] = {}
    for edge in facts.edges:
        user = facts.symbols[edge.symbol].name if edge.symbol >= 0 else "file"
        by_symbol.setdefault(user, []).append(spelt(edge))
    lines = [f"{user}: {', '.join(names)}" for user, names in by_symbol.items()]
    return [row for line in lines for row in textwrap.wrap(line, 110, subsequent_indent="  ")]


def spelt(edge: Edge) -> str:
    name = f"{edge.receiver}.{edge.name}" if edge.receiver else edge.name
    return {"inherits": f"< {name}", "calls": f"{name}()", "references": name}[edge.kind]


PYTHON = '''\
-- cart.py --
from ..models import Item, Money as Cash
from . import prices
from shop.rates import *
import shop.net.http as http, json

MAX_ITEMS: int = 100
default, (low, high) = Cash(0), (1, 2)
type Prices = dict[str, Cash]


@dataclass(
    frozen=True,
)
class Cart(Base, http.Session, metaclass=Meta):
    """What a customer wants.

    More of it.
    """

    owner: Customer
    items: list[Item] = field(default_factory=list)

    def __init__(self, store: Store, *args, limit=3) -> None:
        self.store = store
        self.rate: Rate = default
        self._open = Session(limit)

    @property
    async def total(self) -> Cash:
        net, tax = 0, prices.tax(self.rate)
        for item in self.items:
            net += item.price * tax
        self.store.save(self).wait()
        return Cash(net, currency=self.owner.currency[0].code)

    def _reset(self): self.items = [x for x in args if (y := keep(x))]


def load(path: str) -> "Cart | None":
    # Nothing in here is a use: unused_name().
    with open(path, f"{mode_of(path)} text") as source:
        def inner(part): return part
        lines = inner(source)
    class Local:
        pass
    return Cart(lines)
-- symbols --
constant MAX_ITEMS: int
variable default
type Prices: dict
class Cart
  field owner: Customer
  field items: list
  method __init__: None
  field store: Store
  field rate: Rate
  field _open: Session (private)
  method total: Cash
  method _reset (private)
function load: Cart
  class Local
-- imports --
..models Item
..models Money as Cash
. prices
shop.rates *
shop.net.http as http
json
-- uses --
Cart: < Base, < http.Session, dataclass(), http, Meta
default: Cash()
Prices: Cash
owner: Customer
items: Item, field()
__init__: Store, self.store, self.rate, Rate, default, self._open, Session()
total: Cash, prices, prices.tax(), self.rate, self.items, item.price, self.store, self.store.save(), ?.wait(),
  Cash(), self.owner, self.owner.currency, ?.code
_reset: self.items, args, keep()
load: mode_of(), Cart()
'''

JAVASCRIPT = """\
-- cart.js --
import cart, { add, remove as drop } from './cart.js';
import * as money from 'money';
import './polyfills';
export * from './prices';
export { total as sum } from './totals';
const { read, write: save } = require('./disk');
const events = require('events').EventEmitter;
const app = require('./app')();

const LIMIT = 3;
const rate = (item) => item.price * LIMIT;

/**
 * What a customer wants.
 * @class
 */
export class Cart extends money.Purse {
  #items = [];
  static count = 0;
  onChange = (event) => { this.render(event); };

  constructor(owner, { store, rates: [first] }) {
    super(owner);
    this.store = store;
    this.first = new Rate(first);
  }

  get size() { return this.#items.length; }

  async *each(visit) {
    for (const item of this.#items) { yield visit?.(item, drop(`${item.name} text`)); }
  }
}

Cart.prototype.clear = function () { save(this); };
exports.open = async function (path) { return read(path).then((text) => JSON.parse(text)); };
module.exports = { rate, close() {}, reset: () => app.reset() };

function Purse(owner) {
  function inner() {}
  const local = inner();
  this.owner = owner;
}
-- symbols --
variable app (private)
constant LIMIT (private)
function rate
class Cart
  field #items (private)
  field count
  method onChange
  method constructor
  field store
  field first: Rate
  method size
  method each
  method clear
function open
method close (private)
method reset (private)
function Purse (private)
  field owner
-- imports --
./cart.js default as cart
./cart.js add
./cart.js remove as drop
money * as money
./polyfills
./prices *
./totals total as sum
./disk read
./disk write as save
events EventEmitter as events
./app
-- uses --
Cart: < money.Purse, money
file: read, write, save, ?.EventEmitter, module.exports, rate
rate: item.price, LIMIT
onChange: this.render()
constructor: rates, this.store, this.first, Rate()
size: this.#items, this.#items.length
each: this.#items, drop(), item.name
clear: Cart, Cart.prototype, save()
open: exports, read(), ?.then(), JSON, JSON.parse()
reset: app, app.reset()
Purse: this.owner
"""

TYPESCRIPT = """\
-- cart.ts --
import type { Item, Money as Cash } from './models';
import fs = require('fs');
export { Rate } from './rates';

/** How it is paid. */
export interface Payment<T> extends Base, pay.Method<T> {
  readonly amount: Cash;
  due?: Date;
  pay(by: Card): Promise<Receipt>;
  [key: string]: unknown;
}

type State =
  | 'open'
  | { kind: 'paid'; at: Date };

export const enum Color { Red, Green = 2 }

namespace Shop.Rates {
  export function tax(item: Item): number { return item.price; }
}

declare const version: string;
declare function connect(url: string): Connection;

@Injectable({
  scope: 'shop',
})
export abstract class Cart<T extends Item> extends Basket<T> implements Payment<T> {
  @Input() private readonly items: T[] = [];
  static count?: number;

  constructor(private readonly store: Store, public owner: Customer, plain = 1) { super(); }

  abstract load(path: string): Promise<Cart<T>>;

  @Get('/total')
  total(rate: Rate): Cash { return this.items.map((item) => item.net(rate)).reduce(add); }

  private reset = (): void => { this.store.clear<T>(); };
}

export const open = async (path: string, { mode }: Options): Promise<Cart<Item>> => new Local(path);
-- symbols --
interface Payment
  field amount: Cash
  field due: Date
  method pay: Receipt
type State
  field kind
  field at: Date
enum Color
  constant Red
  constant Green
module Shop.Rates
  function tax: number
variable version: string
function connect: Connection
class Cart
  field items (private)
  field count: number
  method constructor
  field store: Store (private)
  field owner: Customer
  method load: Cart
  method total: Cash
  method reset (private)
function open: Cart
-- imports --
./models Item
./models Money as Cash
fs as fs
./rates Rate
-- uses --
Payment: < Base, < pay.Method, pay, key
Cart: < Basket, < Payment, Injectable(), Item, Get()
amount: Cash
due: Date
pay: Card, Promise, Receipt
at: Date
tax: Item, item.price
connect: Connection
items: Input()
constructor: Store, Customer
load: Promise, Cart
total: Rate, Cash, this.items, this.items.map(), item.net(), ?.reduce(), add
reset: this.store, this.store.clear()
open: Options, Promise, Cart, Item, Local()
"""

TYPESCRIPTREACT = """\
-- cart.tsx --
import { Item } from './models';

interface Props { item: Item }

export function Row({ item }: Props): JSX.Element {
  return <Cell.Wide title={label(item)} plain="x">text of it {item.price}</Cell.Wide>;
}
-- symbols --
interface Props
  field item: Item
function Row: Element
-- imports --
./models Item
-- uses --
item: Item
Row: Props, JSX, JSX.Element, Cell, Cell.Wide, label(), item.price
"""

GO = """\
-- cart.go --
// Package cart keeps items.
package cart

import (
	"net/http"
	. "strings"
	_ "embed"
	money "acme.com/shop/rates"
)

// ErrEmpty is told for no items.
var ErrEmpty = errors.New("empty")

const (
	Open State = iota
	Paid
)

type State int
type Rate = money.Rate

// Cart is what a customer wants.
type Cart[T any] struct {
	Base
	*money.Purse
	Items, Gone []T
	store       Store
}

type Store interface {
	io.Closer
	Save(ctx context.Context, cart *Cart[Item]) (id string, err error)
}

func New(store Store, options ...Option) (*Cart[Item], error) {
	made := &Cart[Item]{store: store}
	for _, option := range options {
		option(made)
	}
	return made, made.check(func(item Item) bool { return item.Price > Least })
}

func (c *Cart[T]) Total(
	rate Rate,
) money.Cash {
	return rate.Of(c.Items...).Round()
}

func (State) String() string { return "" }
func (p Purse) Empty() bool  { return len(p.coins) == 0 }
-- symbols --
module cart
variable ErrEmpty
constant Open: State
constant Paid
type State
type Rate: Rate
class Cart
  field Items
  field Gone
  field store: Store (private)
interface Store
  method Save: string
function New: Cart
  method Total: Cash
  method String: string
extension Purse
  method Empty: bool
-- imports --
net/http
strings *
embed
acme.com/shop/rates as money
-- uses --
Cart: < Base, < money.Purse, money
Store: < io.Closer, io
ErrEmpty: errors, errors.New()
Open: State
Rate: money, money.Rate
store: Store
Save: context, context.Context, Cart, Item
New: Store, Option, Cart, Item, made.check(), item.Price, Least
Total: Cart, Rate, money, money.Cash, rate.Of(), c.Items, ?.Round()
String: State
Empty: Purse, len(), p.coins
"""

RUST = """\
-- cart.rs --
use std::{fmt::{self, Display as Show}, io::*};
pub use crate::rates::Rate;
use super::money as cash;
extern crate serde as data;
mod prices;

/// What a customer wants.
#[derive(
    Debug,
)]
#[serde(default)]
pub struct Cart<T: Item> {
    pub items: Vec<T>,
    store: Box<dyn Store>,
}

struct Id(pub u32);

pub enum State {
    Open,
    Paid { at: Date },
}

pub trait Store: Send + fmt::Debug {
    const LIMIT: usize;
    type Key;
    fn save(&self, cart: &Cart<Apple>) -> Result<Self::Key, Fault>;
}

impl<T: Item> Store for Cart<T> {
    const LIMIT: usize = 3;
    fn save(&self, cart: &Cart<Apple>) -> Result<Self::Key, Fault> {
        let total = prices::sum(&cart.items);
        self.store.save(cart)?;
        Ok(Key::from::<u8>(total, |one| one.round()))
    }
}

impl cash::Purse {
    pub fn new() -> Self { Self { coins: vec![] } }
}

static mut COUNT: u32 = 0;
type Prices = HashMap<String, Rate>;

macro_rules! cart {
    ($x:expr) => { Cart::new($x) };
}

pub(crate) fn load(path: &str) -> impl Iterator<Item = Id> {
    const LOCAL: u8 = 1;
    if let Some(found) = find(path) { log!(found, LOCAL) }
}

#[cfg(test)]
mod tests {
    use super::*;
}
-- symbols --
class Cart
  field items: Vec
  field store: Store (private)
class Id (private)
enum State
  constant Open
  constant Paid
    field at: Date (private)
interface Store
  constant LIMIT: usize
  type Key
  method save: Key
  constant LIMIT: usize
  method save: Key
extension Purse (private)
  method new: Self
constant COUNT: u32 (private)
type Prices: HashMap (private)
macro cart (private)
function load: Iterator
module tests
-- imports --
std fmt
std::fmt Display as Show
std::io *
crate::rates Rate
super money as cash
serde as data
self::prices
super *
-- uses --
Store: < Send, < fmt.Debug, fmt
Cart: < Store, Item
items: Vec
store: Box, Store
at: Date
save: Cart, Apple, Result, Self.Key, Fault, Cart, Apple, Result, Self.Key, Fault, prices, prices.sum(),
  cart.items, self.store, self.store.save(), Ok(), Key, Key.from(), one.round()
new: coins, vec()
Prices: HashMap, Rate
cart: Cart, Cart.new()
load: Iterator, Item, Id, Some(), find(), log()
"""

JAVA = """\
-- cart.java --
package com.acme.cart;

import com.acme.models.Item;
import static com.acme.rates.Rates.round;
import java.util.*;

/**
 * What a customer wants.
 */
@Entity
@Table(name = "carts")
public class Cart<T extends Item> extends Basket implements Comparable<Cart>, pay.Method {
    private static final int LIMIT = 3;
    @Inject
    protected List<T> items = new ArrayList<>(), gone;

    public Cart(Store store) { this.store = store; }

    @Override
    public Optional<Money> total(Rate rate, int... more) throws Fault {
        Money sum = Money.zero();
        for (Item item : items) { sum.add(item.net(rate)); }
        items.stream().map(one -> one.price).forEach(Printer::print);
        new Thread() { public void run() { close(); } };
        return round(sum);
    }

    interface Visitor { void visit(Item item); }

    enum Color implements Visitor { RED(1), GREEN; final int code = 0; }

    record Point(int left, Item item) { }
}
-- symbols --
module com.acme.cart
class Cart
  constant LIMIT: int (private)
  field items: List (private)
  field gone: List (private)
  method Cart
  method total: Money
    method run: void
  interface Visitor
    method visit: void
  enum Color
    constant RED
    constant GREEN
    field code: int
  class Point
    field left: int
    field item: Item
-- imports --
com.acme.models Item
com.acme.rates.Rates round
java.util *
-- uses --
Cart: < Basket, < Comparable, < pay.Method, Entity, Table(), name, Item, Cart, pay, Store, this.store
Color: < Visitor
items: Inject, List, ArrayList()
total: Override, Optional, Money, Rate, Fault, Money.zero(), Item, items, sum.add(), item.net(),
  items.stream(), ?.map(), one.price, ?.forEach(), Printer, Printer.print, Thread(), round()
run: close()
visit: Item
item: Item
"""

C = r"""
-- cart.c --
#include <stdio.h>
#include "net/tcp.h"

#define LIMIT 3
#define MAX(a, b) \
  ((a) > (b) ? (a) : (b))

typedef struct node {
  int value;
  struct node *next;
} Node;

typedef struct {
  Node *first, *last;
  int (*compare)(Node *, Node *);
} List;

typedef enum { OPEN, PAID } State;
typedef unsigned long Id;
union Any { int i; };

static int count = 0, *pointer;
extern const char *names[3];
Node *find(List *list, Id id);

/* Adds one. */
static Node *
add(List *list, int value, char **argv)
{
  Node *made = make(value), local[2];
  if (MAX(count, LIMIT) > 3) { list->last->next = made; }
  return check(list)->first;
}

#ifdef DEBUG
void dump(void);
#endif
-- symbols --
macro LIMIT
macro MAX
type Node: node
class node
  field value: int
  field next: node
class List
  field first: Node
  field last: Node
  field compare: int
enum State
  constant OPEN
  constant PAID
type Id: unsigned
class Any
  field i: int
variable count: int (private)
variable pointer: int (private)
variable names: char
function find: Node
function add: Node (private)
function dump: void
-- imports --
<stdio.h>
net/tcp.h
-- uses --
next: node
first: Node
compare: Node
find: Node, List, Id
add: Node, List, make(), MAX(), count, LIMIT, list.last, list.last.next, check(), ?.first
file: DEBUG
"""

CPP = """\
-- cart.cpp --
#include <vector>
using namespace std;
using acme::Money;
namespace rates = acme::rates;
using Prices = std::vector<Money>;

namespace acme::cart {

template <typename T, int N = 3>
class EXPORTED Cart : public Basket<T>, private pay::Method {
  int hidden_;
public:
  explicit Cart(Store* store) : store_(store) {}
  ~Cart();
  virtual Money total(const Rate& rate) const = 0;
  std::unique_ptr<Store> store_;
  static constexpr int LIMIT = 1;
  bool operator==(const Cart& other) const;
  enum class State { Open, Paid };
protected:
  template <class U> U as(U one) { return one; }
};

}

template <typename T>
Money Cart<T>::total(const Rate& rate) const {
  auto sum = [&](int one) { return one + this->hidden_; };
  for (auto& item : items) item->add(rates::Table::of<T>(sum));
  return std::max(sum, other.limit());
}

int acme::free_one(int value) { return value; }
extern "C" { int exported(void); }
-- symbols --
type Prices: vector
module acme::cart
  class Cart
    field hidden_: int (private)
    method Cart
    method ~Cart
    method total: Money
    field store_: Store
    constant LIMIT: int
    method operator==: bool
    enum State
      constant Open
      constant Paid
    method as: U (private)
    method total: Money
extension acme
  method free_one: int
function exported: int
-- imports --
<vector>
std *
acme Money
acme::rates as rates
-- uses --
Cart: < Basket, < pay.Method, EXPORTED, pay, Store, store_()
Prices: std, std.vector, Money
total: Money, Rate, Money, Cart, Rate, this.hidden_, items, item.add(), rates, rates.Table, rates.Table.of(),
  std, std.max(), other, other.limit()
store_: std, std.unique_ptr, Store
operator==: Cart
free_one: acme
"""

CSHARP = """\
-- cart.cs --
using System.Linq;
using static System.Math;
using Json = Newtonsoft.Json.Linq;
namespace Acme.Shop;

/// <summary>What a customer wants.</summary>
[Serializable]
public sealed class Cart<T> : Basket<T>, IComparable<Cart> where T : Item
{
    private readonly List<T> _items = new(), _gone;
    public Money Total { get; private set; }
    public int Size => _items.Count;
    internal event EventHandler<Args> Changed;
    const int Limit = 3;

    public Cart(Store store) : base(store) { this.Store = store; }

    [HttpGet]
    public async Task<Item?> FindAsync<R>(string id, Rate rate)
    {
        var local = new Finder(id);
        foreach (var item in _items) { item.Check(local, x => x.Price); }
        if (local is Slow slow) { slow.Wait(); }
        return await Store.Load(id)?.First();
    }

    public delegate void Handler(object sender);
    public enum Color { Red, Green = 2 }
    public record Point(int X, Item Inner);
}

public interface IStore { void Save(Cart<Item> cart); }
public static class Extensions { public static Money Net(this Cart<Item> cart) => cart.Total; }
-- symbols --
module Acme.Shop
class Cart
  field _items: List (private)
  field _gone: List (private)
  field Total: Money
  field Size: int
  field Changed: EventHandler
  field Limit: int (private)
  method Cart
  method FindAsync: Item
  type Handler: void
  enum Color
    constant Red
    constant Green
  class Point
    field X: int (private)
    field Inner: Item (private)
interface IStore
  method Save: void
class Extensions
  method Net: Money
-- imports --
System.Linq *
System.Math *
Newtonsoft.Json.Linq as Json
-- uses --
Cart: < Basket, < IComparable, Serializable, Cart, Item, Store, this.Store
_items: List
Total: Money
Size: _items, _items.Count
Changed: EventHandler, Args
FindAsync: HttpGet, Task, Item, Rate, Finder(), _items, item.Check(), x.Price, Slow, slow.Wait(), Store,
  Store.Load(), ?.First()
Inner: Item
Save: Cart, Item
Net: Money, Cart, Item, cart.Total
"""

RUBY = """\
-- cart.rb --
require 'json'
require_relative '../lib/rates'

# What is sold.
module Shop::Carts
  LIMIT = 3

  class Cart < Basket::Base
    include Comparable
    attr_accessor :items, :owner

    def initialize(store, rate: 1, *more)
      @store = Store.new(store)
      @rate = rate
    end

    # Finds one.
    def self.find(id)
      local = lookup(id)
      local.first
    end

    def empty?
      items.each { |item| item.check!(Money::ZERO) unless closed? }
      puts "text #{owner.name}"
    rescue Fault => fault
      raise fault
    end

    private

    def reset; end
  end
end
-- symbols --
module Carts
  constant LIMIT
  class Cart
    field items
    field owner
    method initialize
    field store: Store
    field rate
    method find
    method empty?
    method reset (private)
-- imports --
json
../lib/rates
-- uses --
Cart: < Basket.Base, < Comparable, Basket, include
Carts: Shop
items: attr_accessor
initialize: Store, Store.new()
find: lookup(), local.first
empty?: items, items.each, item.check!(), Money, Money.ZERO, closed?, puts, owner, owner.name, Fault, raise
"""

PHP = r"""
-- cart.php --
<?php
namespace Acme\Carts;

use Acme\Contracts\{Store, Payable as Pay};
use Acme\Models\Item;
use function Acme\round;
require_once __DIR__ . '/boot.php';

const LIMIT = 3;

/**
 * What a customer wants.
 */
#[Entity]
final class Cart extends Basket implements Pay, \JsonSerializable
{
    use SoftDeletes;
    public const OPEN = 1, PAID = 2;
    private ?Money $total = null;

    public function __construct(private readonly Store $store, string $name)
    {
        $this->name = $name;
    }

    #[Route('/x')]
    public static function find(int $id): ?static
    {
        $found = new Finder($id);
        foreach ($this->items as $item) { $item->check($found)?->save(self::OPEN, Item::make()); }
        return round("text {$found->price}");
    }

    abstract protected function none(): void;
}

interface Visitor extends Base { public function visit(Item $item): bool; }
trait Counts { public $count; }
enum Suit: string { case Hearts = 'H'; case Spades = 'S'; }
function load(string $path): array { return parse($path); }
-- symbols --
module Acme\Carts
constant LIMIT
class Cart
  constant OPEN
  constant PAID
  field total: Money (private)
  method __construct
  field store: Store (private)
  field name
  method find: static
  method none: void (private)
interface Visitor
  method visit: bool
class Counts
  field count
enum Suit
  constant Hearts
  constant Spades
function load: array
-- imports --
Acme\Contracts Store
Acme\Contracts Payable as Pay
Acme\Models Item
Acme round
./boot.php
-- uses --
Cart: < Basket, < Pay, < SoftDeletes, Entity, JsonSerializable
Visitor: < Base
total: Money
__construct: Store, this.name
find: Route(), Finder(), this.items, item.check(), ?.save(), self.OPEN, Item, Item.make(), round(),
  found.price
visit: Item
load: parse()
"""

KOTLIN = """\
-- cart.kt --
package com.acme.cart

import com.acme.models.Item
import com.acme.rates.*
import com.acme.money.Cash as Money

/** What a customer wants. */
@Entity(name = "carts")
data class Cart<T : Item>(val id: Int, private var store: Store, plain: Int) : Basket<T>(id), Payable {
    companion object {
        const val LIMIT = 3
        fun create(): Cart = Cart(1)
    }

    private val items: List<T> = listOf()
    val size: Int
        get() = items.size
    lateinit var rate: Rate

    @Throws(Fault::class)
    override suspend fun total(
        rate: Rate,
    ): Money? {
        val local = Finder(rate)
        items
            .map { item -> item.net(local) }
            .filter { it.isOpen }
        return "text $local ${rate.name}"
    }
}

enum class Color(val code: Int) {
    RED(1), GREEN(2);
}

sealed interface Shape {
    fun area(): Double
}

object Registry : Base() {
    val known = Table()
}

fun Cart.net(rate: Rate): Money = rate.of(this)
fun String.slug(): String = lowercase()
typealias Prices = Map<String, Money>
-- symbols --
module com.acme.cart
class Cart
  field id: Int
  field store: Store (private)
  constant LIMIT
  method create: Cart
  field items: List (private)
  field size: Int
  field rate: Rate
  method total: Money
enum Color
  field code: Int
  constant RED
  constant GREEN
interface Shape
  method area: Double
class Registry
  field known: Table
  method net: Money
extension String
  method slug: String
type Prices: Map
-- imports --
com.acme.models Item
com.acme.rates *
com.acme.money Cash as Money
-- uses --
Cart: < Basket, < Payable, Entity(), name, Item, Int, Basket(), id
Registry: < Base, Base()
id: Int
store: Store
create: Cart, Cart()
items: List, listOf()
size: Int, get(), items, items.size
rate: Rate
total: Throws(), Fault, Fault.class, Rate, Money, Finder(), items, items.map, item.net(), ?.filter, it,
  it.isOpen, rate.name
code: Int
area: Double
known: Table()
net: Cart, Rate, Money, rate.of()
slug: String, lowercase()
Prices: Map, String, Money
"""

SCALA = """\
-- cart.scala --
package com.acme.cart

import com.acme.models.{Item, Cash => Money}
import scala.util._

/** What a customer wants. */
@Entity("carts")
case class Cart[T <: Item](id: Int, private val store: Store) extends Basket[T](id) with Payable {
  private val items: List[T] = Nil
  lazy val rate = new Rate(1)

  override def total(rate: Rate): Option[Money] = {
    val local = Finder(rate)
    items.map(item => item.net(local)).filter { case Open(at) => at }
    for (one <- items) yield one.price
  }

  def none: Int
}

object Cart {
  val LIMIT = 3
  def apply(): Cart = new Cart(1)
}

trait Shape extends Base with Other {
  def area: Double
}

enum Color(val code: Int) {
  case Red extends Color(1)
  case Green, Blue
}

type Prices = Map[String, Money]
-- symbols --
module com.acme.cart
class Cart
  field id: Int
  field store: Store (private)
  field items: List (private)
  field rate: Rate
  method total: Money
  method none: Int
class Cart
  constant LIMIT
  method apply: Cart
interface Shape
  method area: Double
enum Color
  field code: Int
  constant Red
  constant Green
  constant Blue
type Prices: Map
-- imports --
com.acme.models Item
com.acme.models Cash as Money
scala.util *
-- uses --
Cart: < Basket, < Payable, Entity(), Item, id
Shape: < Base, < Other
Red: < Color, Color()
id: Int
store: Store
items: List, Nil
rate: Rate()
total: Rate, Option, Money, Finder(), items, items.map(), item.net(), ?.filter, Open(), one.price
none: Int
apply: Cart, Cart()
area: Double
code: Int
Prices: Map, Money
"""

SAMPLES = {
    "python": PYTHON,
    "javascript": JAVASCRIPT,
    "typescript": TYPESCRIPT,
    "typescriptreact": TYPESCRIPTREACT,
    "go": GO,
    "rust": RUST,
    "java": JAVA,
    "c": C,
    "cpp": CPP,
    "csharp": CSHARP,
    "ruby": RUBY,
    "php": PHP,
    "kotlin": KOTLIN,
    "scala": SCALA,
}


@pytest.mark.parametrize("language", SAMPLES)
def test_language(language: str) -> None:
    check_extract(SAMPLES[language])


def test_every_language_has_a_sample() -> None:
    assert set(SAMPLES) == {language.name for language in LANGUAGES if grammar_query(language.name)}
