import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { type ConfigDefinition, type ConfigFields, type Field, flagOf, listAliases } from '@ogong/host/config/field';
import { FOREIGN_VARIABLES } from '@ogong/host/config/foreign-variables';
import { findUnserved, type ServedPlace } from '@ogong/host/dialect/unserved-paths';

import { configPathOf, configure } from '@ogong/provider/provider/configure-command';
import { isServed, toPath } from '@ogong/testing/clients/served-paths';
import { afterAll, describe, expect, it } from 'vitest';
import { readServedSet } from '../../packages/provider/src/local/served-set.ts';
import { referenceConfigs } from '../reference-configs.ts';
import { root } from '../steps.ts';
import { findDefinition } from './definition.ts';
import { DOCUMENTED_NAMES, type DocumentedName } from './names.ts';
import { formatDocumentedNamesPage } from './page.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-documented-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Environment = Readonly<Record<string, string>>;
type Settings = Readonly<Record<string, unknown>>;

const CONFIGURE = 'ogong-provider configure';
const DEPLOYMENT = { OGONG_DEPLOYMENT: 'deployment.json' };
const POSITIONALS: Readonly<Record<string, readonly string[]>> = { 'ogong-provider run': ['stories15M'] };

function definitionOf(command: string): ConfigDefinition<ConfigFields> {
  const definition = findDefinition(command);
  if (definition === undefined) throw new Error(`no settings of ${command}`);
  return definition;
}

/** Gives a command line to a command. @returns its settings, and the lines on standard error. */
function give(command: string, argv: readonly string[], env: Environment = {}): { values: Settings; notes: string[] } {
  if (command === CONFIGURE) {
    const dataDir = mkdtempSync(join(folder, 'configure-'));
    configure([...argv, '--data-dir', dataDir]);
    return { values: JSON.parse(readFileSync(configPathOf(dataDir), 'utf8')), notes: [] };
  }
  const notes: string[] = [];
  const { parse } = defineConfig(definitionOf(command), undefined, (line) => void notes.push(line));
  const result = parse([...argv, ...(POSITIONALS[command] ?? [])], { ...DEPLOYMENT, ...env });
  if (result.kind !== 'run') throw new Error(`${command} printed its help`);
  return { values: result.values as Settings, notes };
}

function problemOf(command: string, argv: readonly string[]): string {
  try {
    give(command, argv);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join('\n');
    throw error;
  }
  return '';
}

const wordsOf = ({ name, value }: DocumentedName): readonly string[] => (value === undefined ? [name] : [name, value]);

/** Finds the setting that a flag or a variable sets. An alias counts only as an alias. */
function findSetting({ kind, program, name, state }: DocumentedName): readonly [string, Field] {
  const bare = name.replace(/^-+/, '');
  const found = Object.entries(definitionOf(program).fields).find(([key, field]) => {
    const { flags, variables } = listAliases(field);
    const isOwn = kind === 'flag' ? flagOf(key, field) === bare : field.env === name;
    return isOwn || (state === 'alias' && (kind === 'flag' ? flags : variables).includes(bare));
  });
  if (found === undefined) throw new Error(`${program} has no setting ${name}`);
  return found;
}

/** The setting as the program reads it; `configure` writes it down as it is typed. */
function expectedOf(row: DocumentedName, field: Field): unknown {
  const text = row.value ?? 'true';
  const value = row.program === CONFIGURE ? text : field.schema.parse(text);
  return field.repeatable ? [value] : value;
}

const rowsOf = (kind: DocumentedName['kind'], ...states: DocumentedName['state'][]) =>
  DOCUMENTED_NAMES.filter((row) => row.kind === kind && states.includes(row.state)).map(
    (row) => [`${row.program}: ${row.name}`, row] as const,
  );

const bins = new Set(
  globSync('packages/*/package.json', { cwd: root }).flatMap((path) =>
    Object.keys((JSON.parse(readFileSync(join(root, path), 'utf8')) as { bin?: object }).bin ?? {}),
  ),
);

describe('a documented command', () => {
  it.each(rowsOf('command', 'works'))('is there, %s', (_, { program, name }) => {
    expect(bins).toContain(program);
    expect(findDefinition(name)?.summary).toMatch(/\w/);
  });

  it.each(rowsOf('command', 'missing'))('that is missing is no program of ours, %s', (_, { name }) => {
    expect(bins).not.toContain(name);
    expect(findDefinition(name)).toBeUndefined();
  });
});

describe('a documented flag', () => {
  it.each(rowsOf('flag', 'works', 'alias'))('arrives, %s', (_, row) => {
    const [key, field] = findSetting(row);
    expect(give(row.program, wordsOf(row)).values[key]).toEqual(expectedOf(row, field));
    // Without the flag the setting has another value, unless the value is the default.
    if (row.program !== CONFIGURE && field.default === undefined)
      expect(give(row.program, []).values[key]).not.toEqual(expectedOf(row, field));
    if (row.state === 'alias' && row.of.startsWith('--')) expect(`--${flagOf(key, field)}`).toBe(row.of);
  });

  it.each(rowsOf('flag', 'refused'))('is refused with its replacement, %s', (_, row) => {
    if (row.state !== 'refused') throw new Error('not refused');
    const refuse = (): string => {
      if (!row.program.startsWith('args')) return problemOf(row.program, wordsOf(row));
      const read = () => readServedSet('x', JSON.stringify([{ path: '/m.gguf', args: [row.name] }]));
      expect(read).toThrow(ConfigError);
      expect(read).toThrow(row.use);
      return `${row.name} is refused: ${row.use}`;
    };
    expect(refuse()).toContain(`${row.name} is refused: `);
    expect(refuse()).toContain(row.use);
    expect(refuse()).not.toContain('unknown flag');
  });
});

describe('a documented variable', () => {
  it.each(rowsOf('variable', 'works', 'alias'))('arrives, %s', (_, row) => {
    const [key, field] = findSetting(row);
    const { values, notes } = give(row.program, [], { [row.name]: row.value ?? '' });
    expect(values[key]).toEqual(expectedOf(row, field));
    expect(give(row.program, []).values[key]).not.toEqual(expectedOf(row, field));
    expect(notes).toEqual([]);
    if (row.state === 'alias') expect(`--${flagOf(key, field)}`).toBe(row.of);
  });

  it.each(rowsOf('variable', 'refused'))('is named with its replacement, %s', (_, row) => {
    if (row.state !== 'refused') throw new Error('not refused');
    const { values, notes } = give(row.program, [], { [row.name]: row.value ?? '' });
    expect(notes).toEqual([expect.stringContaining(`${row.name} has no effect on ${row.program}: `)]);
    expect(notes[0]).toContain(row.use);
    expect(values).toEqual(give(row.program, []).values);
  });

  const family = new Set(
    [...DOCUMENTED_NAMES.map(({ name }) => name), ...Object.keys(FOREIGN_VARIABLES), 'LLAMAMP_UNHEARD_OF'].filter(
      (name) => name.startsWith('LLAMAMP_'),
    ),
  );

  it.each([...family])('is never ignored in silence, %s', (name) => {
    const value = DOCUMENTED_NAMES.find((row) => row.name === name)?.value ?? '128';
    for (const { definition } of referenceConfigs) {
      if (definition.passesEnvironment || (definition.positionals?.min ?? 0) > 0) continue;
      const isTaken = Object.values(definition.fields).some((field) => listAliases(field).variables.includes(name));
      const notes: string[] = [];
      const { parse } = defineConfig(definition, undefined, (line) => void notes.push(line));
      try {
        parse([], { [name]: value });
      } catch (error) {
        // Required settings are missing; the variable itself is no problem.
        expect((error as ConfigError).problems.filter((problem) => problem.includes(name))).toEqual([]);
      }
      expect({ command: definition.name, notes }).toEqual({
        command: definition.name,
        notes: isTaken ? [] : [expect.stringContaining(`${name} has no effect on ${definition.name}: `)],
      });
    }
  });
});

describe('a documented endpoint', () => {
  it.each(rowsOf('endpoint', 'works'))('is served, %s', (_, { program, name }) => {
    expect(isServed(name, program as ServedPlace)).toBe(true);
  });

  it.each(rowsOf('endpoint', 'refused'))('is refused with a reason, %s', (_, row) => {
    const [method, path] = row.name.split(' ') as [string, string];
    expect(isServed(row.name, row.program as ServedPlace)).toBe(false);
    expect(findUnserved(method, toPath(path), row.program as ServedPlace)?.why).toContain(
      row.state === 'refused' ? row.use : 'a reason',
    );
  });
});

describe('the table', () => {
  it('has each name once, with a test that exists', () => {
    const keys = DOCUMENTED_NAMES.map(({ kind, program, name }) => `${kind} ${program} ${name}`);
    expect(keys.filter((key, i) => keys.indexOf(key) !== i)).toEqual([]);
    for (const { test } of DOCUMENTED_NAMES)
      if (test !== undefined) expect(existsSync(join(root, test)), test).toBe(true);
  });

  it('says why a program is missing, and has no missing variable or endpoint', () => {
    const lacking = DOCUMENTED_NAMES.filter((row) => row.state === 'missing');
    for (const row of lacking) if (row.state === 'missing') expect(row.why).toMatch(/use |not served yet|--upstream/);
    expect(lacking.filter(({ kind }) => kind === 'variable' || kind === 'endpoint')).toEqual([]);
  });

  it('is the page', () => {
    const lines = formatDocumentedNamesPage().split('\n');
    for (const { name, program, state } of DOCUMENTED_NAMES)
      expect(lines.filter((line) => line.startsWith(`| \`${name}\` | ${program} | ${state} | `))).toHaveLength(1);
  });
});

describe('names of other programs', () => {
  it.each(referenceConfigs.map(({ definition }) => [definition.name, definition] as const))(
    'are no settings of their own, %s',
    (_, { fields, refusedFlags = {} }) => {
      const own = Object.entries(fields).map(([key, field]) => flagOf(key, field));
      // A setting that commands share may have the name of one of them as an alias.
      const others = [
        ...Object.entries(fields).flatMap(([key, field]) =>
          listAliases(field).flags.filter((flag) => flag !== flagOf(key, field)),
        ),
        ...Object.keys(refusedFlags),
      ];
      expect(others.filter((flag, i) => own.includes(flag) || others.indexOf(flag) !== i)).toEqual([]);
    },
  );
});

// The document itself is not part of the repository.
const DOCUMENT = new URL('../../../shared/seeds/001-ogong-docs.txt', import.meta.url);
/** Names that the text of the document runs together with the next word. */
const JOINED: Readonly<Record<string, string>> = {
  '--api-keyaccount': '--api-key',
  '--consensusfalse': '--consensus',
  '--consensusfalseshared-ordered-log': '--consensus',
  '--join-networkopt': '--join-network',
  '--keybind': '--key',
  '--relayoffput': '--relay',
  LLAMAMP_CACHE_TYPE_VKV: 'LLAMAMP_CACHE_TYPE_V',
  LLAMAMP_SPEC_TYPEM: 'LLAMAMP_SPEC_TYPE',
  OGONG_RPC_URLS: 'OGONG_RPC_URL',
};
/** Flags of the build. */
const BUILD = new Set(['--bin', '--features', '--release', '--help']);

describe.skipIf(!existsSync(DOCUMENT))('the document', () => {
  const text = existsSync(DOCUMENT) ? readFileSync(DOCUMENT, 'utf8') : '';
  const names = new Set(DOCUMENTED_NAMES.map(({ name }) => name));
  const listUnknown = (pattern: RegExp): readonly string[] =>
    [...new Set(text.match(pattern))].filter((name) => !names.has(JOINED[name] ?? name) && !BUILD.has(name));

  it('has no flag that the table lacks', () => {
    expect(text.match(/--[a-z][a-z-]*/g)?.length).toBeGreaterThan(100);
    expect(listUnknown(/--[a-z][a-z-]*/g)).toEqual([]);
  });

  it('has no variable that the table lacks', () => {
    expect(listUnknown(/\b(?:LLAMAMP|OGONG)_[A-Z_]+/g)).toEqual([]);
  });

  it('has no command that the table lacks', () => {
    const commands = text.match(
      /\bogong-provider (?:configure|local|marketplace-register|pull|quote|run|serve|show|start|wallet)\b/g,
    );
    expect(new Set(commands).size).toBe(10);
    expect([...new Set(commands)].filter((name) => !names.has(name))).toEqual([]);
    expect(listUnknown(/\bogong-[a-z]+d\b/g)).toEqual([]);
    expect(listUnknown(/\brun-mesh-stage\d\.sh/g)).toEqual([]);
  });

  it('has no endpoint that the table lacks', () => {
    const paths = DOCUMENTED_NAMES.flatMap(({ kind, name }) => (kind === 'endpoint' ? [name.split(' ')[1] ?? ''] : []));
    const found = [...new Set(text.match(/(?<![\w.:\d])\/(?:v1|api)\/[a-z/]+|(?<=:\d{4,5})\/(?:v1|api)\/[a-z/]+/g))];
    expect(found.length).toBeGreaterThan(8);
    expect(found.filter((path) => !paths.some((each) => path.startsWith(each) || each.startsWith(path)))).toEqual([]);
  });
});
