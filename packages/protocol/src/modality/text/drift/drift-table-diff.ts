import { toHex } from '../../../base/bytes.ts';
import { REPLY_SCORES } from '../stage2/reply-scores.ts';
import { compareDistanceKeys, type DistanceRow } from './distance-rows.ts';
import { compareRowKeys, type DriftRow, type DriftTable, nameRow, POWER_RATES, QUANTILES } from './drift-table.ts';
import { countHeldOut } from './strata.ts';

/** One difference between two tables, for people. */
export interface DriftTableChange {
  readonly row: string;
  readonly field: string;
  readonly before: string;
  readonly after: string;
  /** Set if the confidence limits do not overlap. Then honest drift itself changed, not only its estimate. */
  readonly isSignificant: boolean;
}

/** Finds the differences between two tables; rows by key, in the tables' order. */
export function diffDriftTables(before: DriftTable, after: DriftTable): readonly DriftTableChange[] {
  const changes: DriftTableChange[] = [];
  const keys = [...before.rows, ...after.rows].sort(compareRowKeys).filter((row, i, all) => {
    const previous = all[i - 1];
    return previous === undefined || compareRowKeys(previous, row) !== 0;
  });
  for (const key of keys) {
    const find = ({ rows }: DriftTable): DriftRow | undefined => rows.find((row) => compareRowKeys(row, key) === 0);
    const [a, b] = [find(before), find(after)];
    const row = nameRow(key);
    if (a === undefined || b === undefined) {
      const describe = (each: DriftRow | undefined): string =>
        each === undefined ? 'absent' : `${countReplies(each)} replies`;
      changes.push({ row, field: 'row', before: describe(a), after: describe(b), isSignificant: true });
    } else changes.push(...diffRows(row, a, b));
  }
  changes.push(...diffDistances(before, after));
  const families = ({ families: list }: DriftTable): string =>
    list.map(({ numericClass, family }) => `${numericClass} in ${family}`).join(', ');
  if (families(before) !== families(after)) {
    changes.push({ row: '', field: 'families', before: families(before), after: families(after), isSignificant: true });
  }
  return changes;
}

/** Two largest values of two samples always differ a little, so no difference but that of presence is significant. */
function diffDistances(before: DriftTable, after: DriftTable): DriftTableChange[] {
  const describe = (row: DistanceRow | undefined): string =>
    row === undefined
      ? 'absent'
      : `${row.replies} replies of ${row.codeVersion}, ${row.largest.map(({ name, value }) => `${name} ${value}`).join(', ')}`;
  const keys = [...(before.distances ?? []), ...(after.distances ?? [])].sort(compareDistanceKeys);
  return keys.flatMap((key, i) => {
    const isSecond = i > 0 && compareDistanceKeys(keys[i - 1] as DistanceRow, key) === 0;
    const [a, b] = [before, after].map(({ distances = [] }) =>
      distances.find((row) => compareDistanceKeys(row, key) === 0),
    );
    const change = { field: 'distances', before: describe(a), after: describe(b) };
    if (isSecond || change.before === change.after) return [];
    const row = `model ${toHex(key.modelRoot.subarray(0, 8))}: ${key.providerClass} seen by ${key.verifierClass}`;
    return [{ row, ...change, isSignificant: a === undefined || b === undefined }];
  });
}

function diffRows(row: string, a: DriftRow, b: DriftRow): DriftTableChange[] {
  const changes: DriftTableChange[] = [];
  const add = (field: string, before: string | number, after: string | number, isSignificant = false): void => {
    if (before !== after) changes.push({ row, field, before: `${before}`, after: `${after}`, isSignificant });
  };
  add('codeVersion', a.codeVersion, b.codeVersion);
  add('replies', countReplies(a), countReplies(b));
  add('context', a.context, b.context);
  const strata = ({ strata: list }: DriftRow): string =>
    list.map(({ surprise, calibration }) => `${calibration.replies} up to ${round(surprise)}`).join(', ');
  add('strata', strata(a), strata(b));
  add('seeds', `${a.seeds.first}..${a.seeds.last}`, `${b.seeds.first}..${b.seeds.last}`);
  REPLY_SCORES.forEach((name, i) => {
    const [x, y] = [a.scores[i], b.scores[i]];
    QUANTILES.forEach((quantile, k) => {
      const limits = [x?.low[k], x?.high[k], y?.low[k], y?.high[k]] as [number, number, number, number];
      const isApart = limits[1] < limits[2] || limits[3] < limits[0];
      add(`${name} at ${quantile}`, round(x?.value[k] as number), round(y?.value[k] as number), isApart);
    });
  });
  const names = ({ likelihood }: DriftRow): string => likelihood.alternatives.map(({ name }) => name).join(', ');
  add('alternatives', names(a), names(b), true);
  const levels = ({ likelihood }: DriftRow): string =>
    likelihood.levels.map((level) => [level.surprise, level.centre, level.width].map(round).join('/')).join(', ');
  add('levels', levels(a), levels(b));
  const power = ({ power: list }: DriftRow): string =>
    list.map(({ name, replies, caught }) => `${name} ${caught.join('/')} of ${replies}`).join(', ');
  add(`caught at ${POWER_RATES.join('/')}`, power(a), power(b));
  return changes;
}

const countReplies = ({ fitReplies, strata }: DriftRow): number => fitReplies + countHeldOut(strata);
const round = (value: number): number => Math.round(value * 1e4) / 1e4;

/** Formats a table as plain JSON. The same table gives the same text, comparable line by line. Typed arrays become arrays. */
export function formatDriftTable(table: DriftTable): string {
  const replace = (_: string, value: unknown): unknown => {
    if (value instanceof Uint8Array) return Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return value instanceof Float64Array ? [...value] : value;
  };
  return `${JSON.stringify(table, replace, 1)}\n`;
}
