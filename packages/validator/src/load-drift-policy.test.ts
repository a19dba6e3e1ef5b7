import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesToHex } from '@ogong/chain/hex';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import {
  DEFAULT_TABLE,
  hashPathOf,
  MAX_DEFAULT_TABLE_BYTES,
  readDefaultTable,
} from '@ogong/host/drift-table/default-table';
import { createTableFile, signTableFile, type TableFile, writeTableFile } from '@ogong/host/drift-table/table-file';
import { openStore } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-signature';
import type { DriftPolicy } from '@ogong/protocol/verdict/drift-policy';
import { createTestPolicy } from '@ogong/testing/validator/drift-fixture';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadDriftPolicy } from './load-drift-policy.ts';
import { adoptTable, createPolicyFinder } from './store/drift-store.ts';
import { VALIDATOR_SCHEMA } from './store/schema.ts';

const none = { hash: `0x${'00'.repeat(32)}`, version: 0n } as const;

describe('the table of a validator', () => {
  let directory: string;
  let path: string;
  let file: TableFile;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'ogong-load-'));
    path = join(directory, 'table.json');
    file = signTableFile(createTableFile(crypto, createTestPolicy().table), createTestHybrid('operator'));
    writeTableFile(path, file);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  function load(
    given: string | undefined,
    named: Parameters<typeof loadDriftPolicy>[2]['named'],
    store = open(),
    defaultPath = join(directory, 'absent.json'),
  ) {
    const lines: string[] = [];
    const say =
      (level: string) =>
      (fields: object, text: string): void =>
        void lines.push(`${level} ${text} ${JSON.stringify(fields)}`);
    const log = { info: say('info'), warn: say('warn') } as never;
    const settings = { driftTable: given, falseReject: 1e-4, falseDoubt: 0.01, extrapolate: true };
    const policy = loadDriftPolicy(crypto, settings, { named, store, log, defaultPath });
    return { policy, lines };
  }
  const open = () => openStore(':memory:', { schema: VALIDATOR_SCHEMA });
  const names = (hash: Uint8Array) => ({ hash: bytesToHex(hash), version: 3n });

  it('is the one that the chain names, with the rates of the operator', () => {
    const { policy, lines } = load(path, names(file.hash));
    expect(policy).toMatchObject({ isNamed: true, table: file.table });
    expect(policy?.note).toEqual({
      tableHash: file.hash,
      rejectPpb: 100_000,
      doubtPpb: 10_000_000,
      extrapolate: true,
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^info the drift table that the chain names is loaded/);
  });

  it('is refused if the chain names another, saying which', () => {
    const wanted = new Uint8Array(32).fill(0xab);
    expect(() => load(path, names(wanted))).toThrow(/hash [0-9a-f]{64}; the chain names (ab){32} \(version 3\)/);
  });

  it("is the operator's own if the chain names none, and that is said", () => {
    const { policy, lines } = load(path, none);
    expect(policy?.isNamed).toBe(false);
    expect(lines[0]).toMatch(/^warn the chain names no drift table: the operator's own is used/);
  });

  it('is refused if a byte of it was changed', () => {
    const text = readFileSync(path, 'utf8');
    const at = text.indexOf('"table"') + 200;
    const bad = join(directory, 'bad.json');
    writeFileSync(bad, `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`);
    for (const named of [none, names(file.hash)]) {
      expect(() => load(bad, named)).toThrow(expect.objectContaining({ code: 'bad-table' }));
    }
  });

  it('is taken while the chain cannot be read only if the chain was seen to name it before', () => {
    const store = open();
    expect(() => load(path, undefined, store)).toThrow(/the chain cannot be read/);
    const { policy } = load(path, none, store);
    store.transact((db) => adoptTable(db, policy, 1));
    expect(() => load(path, undefined, store)).toThrow(/the chain cannot be read/);
    store.transact((db) => adoptTable(db, load(path, names(file.hash), store).policy, 2));
    expect(load(path, undefined, store).policy?.isNamed).toBe(true);
  });

  it('keeps the bytes that are held already when it is used again', () => {
    const store = open();
    const { bytes: _, ...policy } = load(path, none, store).policy as DriftPolicy;
    store.transact((db) => adoptTable(db, policy, 1));
    store.transact((db) => adoptTable(db, undefined, 2));
    // A table of version 0 cannot be encoded.
    const again = { ...policy, table: { ...policy.table, version: 0 } };
    store.transact((db) => adoptTable(db, again, 3));
    const found = createPolicyFinder(store, undefined)(policy.note, Number.MAX_SAFE_INTEGER);
    expect(found).toEqual({ policy });
    expect(() => open().transact((db) => adoptTable(db, again, 1))).toThrow(/version/);
  });

  describe('without a given table', () => {
    let own: string;
    const put = (path: string, table: TableFile, hash = table.hash): string => {
      writeTableFile(path, table);
      writeFileSync(hashPathOf(path), `${toHex(hash)}\n`);
      return path;
    };
    beforeAll(() => {
      own = put(join(directory, 'default.json'), file);
    });
    const loadDefault = (named: Parameters<typeof load>[1], path = own) => load(undefined, named, open(), path);

    it('is held whole from the start, and read when it is first needed', () => {
      const bytes = Uint8Array.of(1, 2, 3);
      const unread = put(join(directory, 'unread.json'), {
        ...file,
        bytes,
        hash: hashDriftTable(crypto, bytes),
        signatures: [],
      });
      const store = open();
      const { policy } = load(undefined, none, store, unread);
      expect(policy?.note.tableHash).toEqual(hashDriftTable(crypto, bytes));
      store.transact((db) => adoptTable(db, policy, 1));
      expect(() => policy?.table).toThrow();
    });

    it('is the default one, as long as the chain names no other', () => {
      const { policy, lines } = loadDefault(none);
      expect(policy).toMatchObject({ isNamed: false, table: file.table });
      expect(lines[0]).toMatch(/^info the chain names no drift table: the default table is used/);
      expect(loadDefault(names(file.hash)).policy?.isNamed).toBe(true);
      const unread = loadDefault(undefined);
      expect(unread.policy?.isNamed).toBe(false);
      expect(unread.lines[0]).toMatch(/^info the chain cannot be read: the default table is used/);
    });

    it('is none if the chain names another, and that is said', () => {
      const { policy, lines } = loadDefault(names(new Uint8Array(32).fill(0xab)));
      expect(policy).toBeUndefined();
      expect(lines[0]).toMatch(/^warn the chain names a drift table, but the operator has given none/);
    });

    it('is none if the operator says so', () => {
      expect(load('none', none, open(), own)).toEqual({ policy: undefined, lines: [] });
      expect(load('none', names(file.hash), open(), own).lines[0]).toMatch(/^warn the chain names a drift table/);
    });

    it('is refused if its hash is another than the one beside it, or there is none beside it', () => {
      const other = put(join(directory, 'moved.json'), file, new Uint8Array(32));
      expect(() => loadDefault(none, other)).toThrow(expect.objectContaining({ code: 'wrong-table' }));
      const alone = join(directory, 'alone.json');
      writeTableFile(alone, file);
      expect(() => loadDefault(none, alone)).toThrow(/ENOENT/);
    });
  });

  it('is missed if the chain names one and none is given', () => {
    expect(load(undefined, none)).toEqual({ policy: undefined, lines: [] });
    expect(load(undefined, undefined)).toEqual({ policy: undefined, lines: [] });
    const { policy, lines } = load(undefined, names(file.hash));
    expect(policy).toBeUndefined();
    expect(lines[0]).toMatch(/^warn the chain names a drift table, but the operator has given none/);
  });

  describe('that comes with the code', () => {
    it('is what its hash names, knows the model of the laboratory, and is small enough to be committed', () => {
      expect(readDefaultTable(crypto)?.table.rows.length).toBeGreaterThan(20);
      expect(statSync(DEFAULT_TABLE).size).toBeLessThan(MAX_DEFAULT_TABLE_BYTES);
    });

    it('is the table of a validator without settings, until the chain names another', () => {
      expect(load(undefined, none, open(), DEFAULT_TABLE).policy?.table.rows.length).toBeGreaterThan(20);
      expect(load(undefined, names(new Uint8Array(32).fill(1)), open(), DEFAULT_TABLE).policy).toBeUndefined();
    });
  });
});
