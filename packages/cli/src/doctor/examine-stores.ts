import { opendirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ACCOUNTS_SCHEMA } from '@ogong/gateway/books/accounts-schema';
import { GATEWAY_SCHEMA } from '@ogong/gateway/books/schema';
import { HANDED_OVER_FILE, RESTORED_FILE } from '@ogong/host/files/data-directory';
import { RELEASED, type ReleasedStore } from '@ogong/host/store/releases';
import { computeSchemaVersion } from '@ogong/host/store/store';
import { VERSION } from '@ogong/host/version';
import { PROVIDER_SCHEMA } from '@ogong/provider/provider/provider-store';
import { VERIFIER_SCHEMA } from '@ogong/provider/verifier/report-store';
import { ROUTER_SCHEMA } from '@ogong/router/router-store';
import { GUARD_SCHEMA } from '@ogong/validator/signer/signing-guard';
import { VALIDATOR_SCHEMA } from '@ogong/validator/store/schema';
import type { Diagnosis } from './diagnosis.ts';
import { examineShares } from './examine-shares.ts';

const SCHEMAS: Readonly<Record<ReleasedStore, string>> = {
  accounts: ACCOUNTS_SCHEMA,
  gateway: GATEWAY_SCHEMA,
  provider: PROVIDER_SCHEMA,
  router: ROUTER_SCHEMA,
  signer: GUARD_SCHEMA,
  validator: VALIDATOR_SCHEMA,
  verifier: VERIFIER_SCHEMA,
};
const [MOST_FOLDERS, MOST_DEPTH] = [500, 3];

/** Whether this program can go on from the databases that lie there, and whether anything may start from them. */
export function examineStores(directory: string): readonly Diagnosis[] {
  const { databases, marks } = findStores(directory);
  const moved = marks.filter(({ name }) => name === HANDED_OVER_FILE).map(({ folder }) => folder);
  const restored = marks.filter(({ name }) => name === RESTORED_FILE).map(({ folder }) => folder);
  return [
    judgeVersions(databases),
    ...databases.flatMap(({ findings = [] }) => findings),
    ...moved.map((folder) => ({
      ...({ about: 'backup', status: 'warning', found: `${folder} was handed over to a backup` } as const),
      advice: 'no daemon starts there any more: start the one that was restored from it',
    })),
    ...restored.map((folder) => ({
      ...({ about: 'backup', status: 'ok', found: `${folder} was restored from a backup` } as const),
      advice: 'docs/backup.md says what its daemon may do',
    })),
  ];
}

interface FoundStore {
  readonly path: string;
  readonly standing: 'present' | 'released' | 'foreign' | 'unreadable';
  readonly findings?: readonly Diagnosis[];
}

function judgeVersions(databases: readonly FoundStore[]): Diagnosis {
  const about = 'versions';
  const of = (standing: FoundStore['standing']): string =>
    databases
      .filter((one) => one.standing === standing)
      .map(({ path }) => path)
      .join(', ');
  const foreign = of('foreign');
  if (foreign !== '') {
    const advice = 'start the version that made it, let it settle open orders, then upgrade release by release';
    return {
      about,
      status: 'problem',
      found: `ogong ${VERSION} did not make ${foreign}, and no release before it`,
      advice,
    };
  }
  const unreadable = of('unreadable');
  if (unreadable !== '') {
    const advice = 'restore it from a backup: ogong backup restore';
    return { about, status: 'problem', found: `${unreadable} cannot be read as a database`, advice };
  }
  const released = of('released');
  const found = `ogong ${VERSION}, ${databases.length} databases that it can use`;
  if (released === '') return { about, status: 'ok', found };
  return { about, status: 'ok', found, advice: `at the next start it upgrades ${released}: make a backup first` };
}

function judgeStore(name: ReleasedStore, path: string): FoundStore {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
    const version = database.prepare('PRAGMA user_version').get()?.user_version;
    // A file that a daemon has only just made.
    if (version === 0) return { path, standing: 'present' };
    if (version === computeSchemaVersion(SCHEMAS[name])) {
      return { path, standing: 'present', findings: name === 'validator' ? examineShares(path, database) : [] };
    }
    return { path, standing: RELEASED[name].some(({ from }) => from === version) ? 'released' : 'foreign' };
  } catch {
    return { path, standing: 'unreadable' };
  } finally {
    database?.close();
  }
}

function findStores(root: string) {
  const databases: FoundStore[] = [];
  const marks: { readonly folder: string; readonly name: string }[] = [];
  let folders = 0;
  const walk = (folder: string, depth: number): void => {
    if (++folders > MOST_FOLDERS) return;
    for (const entry of listEntries(folder)) {
      const path = join(folder, entry.name);
      const name = /^(\w+)\.db$/.exec(entry.name)?.[1];
      if (entry.isDirectory() && depth < MOST_DEPTH) walk(path, depth + 1);
      else if (name !== undefined && Object.hasOwn(SCHEMAS, name))
        databases.push(judgeStore(name as ReleasedStore, path));
      else if (entry.name === HANDED_OVER_FILE || entry.name === RESTORED_FILE)
        marks.push({ folder, name: entry.name });
    }
  };
  walk(root, 0);
  return { databases, marks };
}

/** Files that this user cannot read are left out. */
function* listEntries(folder: string) {
  let entries: ReturnType<typeof opendirSync>;
  try {
    entries = opendirSync(folder);
  } catch {
    return;
  }
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) yield entry;
  } finally {
    entries.closeSync();
  }
}
