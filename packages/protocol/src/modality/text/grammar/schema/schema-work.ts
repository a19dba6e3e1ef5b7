import { GrammarError } from '../grammar-error.ts';
import type { WorkBudget } from '../work-budget.ts';
import { allowsNothing, readSchema, type Schema } from './schema-shape.ts';

/** The most arrays and objects within each other in a value, those that merges add included. */
const MAX_VALUE_DEPTH = 256;
/** Steps to list one name of an object. */
const STEPS_OF_NAME = 32;
/** Characters that a number, a boolean or null counts as. */
const SCALAR_SIZE = 8;

interface Measure {
  /** Characters of names and texts, and a few for each value. */
  readonly size: number;
  readonly depth: number;
}

/** The operations of one conversion whose work depends on the size of a value. Each charges the budget first. */
export interface SchemaWork {
  readonly charge: WorkBudget['charge'];
  /** Returns the entries of an object. */
  entriesOf(value: object): readonly (readonly [name: string, value: unknown])[];
  /** Reads a schema. An object is read once. @throws GrammarError */
  read(value: unknown, where: string): Schema;
  /** Returns whether a schema allows no value, so that it can be left out. Only such a one costs work. */
  allowsNothing(value: unknown): boolean;
  /** Measures a value and charges its size. The first measurement of an object also charges its entries. */
  chargeValue(value: unknown): number;
  /** Writes a value as JSON. */
  write(value: unknown): string;
  isSame(a: unknown, b: unknown): boolean;
  /** Returns the texts of a list of values. A list is written once. */
  textsOf(values: readonly unknown[]): ReadonlySet<string>;
  /** Returns the items of a list as a set. The set of a list is made once. */
  itemsOf(values: readonly unknown[]): ReadonlySet<unknown>;
}

export function createSchemaWork({ charge }: Pick<WorkBudget, 'charge'>): SchemaWork {
  const measures = new WeakMap<object, Measure>();
  // Kept for one conversion only: a cache from an earlier one would change the charged steps.
  const schemas = new WeakMap<object, Schema>();
  const texts = new WeakMap<readonly unknown[], ReadonlySet<string>>();
  const items = new WeakMap<readonly unknown[], ReadonlySet<unknown>>();

  const entriesOf = (value: object): readonly (readonly [name: string, value: unknown])[] => {
    const entries = Object.entries(value);
    charge(STEPS_OF_NAME * entries.length + 1);
    return entries;
  };
  const measure = (value: unknown, above: number): Measure => {
    if (typeof value === 'string') return { size: value.length + 2, depth: 0 };
    if (typeof value !== 'object' || value === null) return { size: SCALAR_SIZE, depth: 0 };
    const known = measures.get(value);
    if (above + (known?.depth ?? 0) > MAX_VALUE_DEPTH)
      throw new GrammarError('unsupported-schema', `a value of the schema is deeper than ${MAX_VALUE_DEPTH}`);
    if (known !== undefined) return known;
    let size = 2;
    let depth = 0;
    const add = (item: unknown): void => {
      const part = measure(item, above + 1);
      size += part.size + 1;
      depth = Math.max(depth, part.depth);
    };
    if (Array.isArray(value)) {
      charge(value.length);
      for (const item of value) add(item);
    } else {
      for (const [key, item] of entriesOf(value)) {
        size += key.length + 3;
        add(item);
      }
    }
    const found = { size, depth: depth + 1 };
    measures.set(value, found);
    return found;
  };
  const chargeValue = (value: unknown): number => {
    const { size } = measure(value, 1);
    charge(size);
    return size;
  };
  const write = (value: unknown): string => {
    chargeValue(value);
    return JSON.stringify(value);
  };
  return {
    charge,
    entriesOf,
    read(value, where) {
      charge(1);
      if (typeof value !== 'object' || value === null) return readSchema(value, where);
      const found = schemas.get(value);
      if (found !== undefined) return found;
      charge(STEPS_OF_NAME * Object.keys(value).length);
      const made = readSchema(value, where);
      schemas.set(value, made);
      return made;
    },
    allowsNothing(value) {
      if (!allowsNothing(value)) return false;
      charge(1 + STEPS_OF_NAME * Object.keys(value as object).length);
      return true;
    },
    chargeValue,
    write,
    isSame: (a, b) => a === b || write(a) === write(b),
    textsOf(values) {
      const found = texts.get(values) ?? new Set(values.map(write));
      texts.set(values, found);
      charge(found.size);
      return found;
    },
    itemsOf(values) {
      const found = items.get(values);
      if (found !== undefined) return found;
      charge(values.length);
      const made = new Set(values);
      items.set(values, made);
      return made;
    },
  };
}
