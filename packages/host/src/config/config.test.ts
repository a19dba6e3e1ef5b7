import { inspect } from 'node:util';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { Secret } from '../crypto/secret.ts';
import { ConfigError } from './config-error.ts';
import { defineConfig } from './define-config.ts';
import type { ConfigFields } from './field.ts';
import { formatHelp, formatMarkdown } from './help.ts';
import { noteOnce, writeNotesTo } from './start-notes.ts';
import * as values from './values.ts';

const files: Record<string, string> = {
  'ok.json': '{"bind": "127.0.0.1:1", "alpha": 0.25, "relay": true, "peer": ["a:1", "b:2"]}',
  'unknown.json': '{"alhpa": 1}',
  'shape.json': '{"alpha": {"value": 1}, "peer": [[]]}',
  'broken.json': '{',
  'list.json': '[]',
};

const config = defineConfig(
  {
    name: 'ogong-testd',
    summary: 'A daemon for tests.',
    version: '1.2.3',
    fields: {
      bind: {
        schema: values.hostPort,
        default: '0.0.0.0:4533',
        description: 'Address',
        env: 'OGONG_BIND',
        label: '<addr>',
      },
      alpha: { schema: values.decimal({ max: 1 }), default: '1.0', description: 'Audit coverage', env: 'OGONG_ALPHA' },
      relay: { schema: values.boolean, boolean: true, description: 'Forward', env: 'OGONG_RELAY' },
      peer: { schema: values.hostPort, repeatable: true, description: 'Peer', env: 'OGONG_PEERS' },
      apiKey: { schema: values.hex(4), secret: true, description: 'Key', env: 'OGONG_API_KEY' },
      maxPrice: { schema: values.atomicAmount, description: 'Ceiling' },
    },
  },
  (path) => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT: ${path}`);
    return text;
  },
);

function run(argv: string[], env: Record<string, string> = {}) {
  const result = config.parse(argv, env);
  if (result.kind !== 'run') throw new Error('printed');
  return result.values;
}

it("reads an alias as the field's own flag, which prevails over another field's alias", () => {
  const schema = values.text;
  const aliased = defineConfig({
    name: 'ogong-testd',
    summary: 'A daemon for tests.',
    fields: {
      meshDir: { schema, description: 'Mesh', aliases: { flags: ['dir', 'out'] } },
      out: { schema, description: 'Output' },
    },
  });
  const parse = (...argv: string[]) => aliased.parse(argv, {});
  expect(parse('--dir', 'a')).toMatchObject({ kind: 'run', values: { meshDir: 'a' } });
  expect(parse('--mesh-dir', 'a', '--out', 'b')).toMatchObject({ values: { meshDir: 'a', out: 'b' } });
  expect(() => parse('--dir', 'a', '--mesh-dir', 'b')).toThrow('given more than once');
});

function problemsOf(argv: string[], env: Record<string, string> = {}): readonly string[] {
  try {
    config.parse(argv, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).problems;
  }
  return [];
}

describe('values', () => {
  it('come from the flag, else the environment, else the file, else the default', () => {
    const file = ['--config', 'ok.json'];
    const env = { OGONG_BIND: '127.0.0.1:2' };
    expect(run([]).bind).toEqual({ host: '0.0.0.0', port: 4533 });
    expect(run(file).bind.port).toBe(1);
    expect(run(file, env).bind.port).toBe(2);
    expect(run([...file, '--bind', '127.0.0.1:3'], env).bind.port).toBe(3);
    expect(run([], { OGONG_BIND: '' }).bind.port).toBe(4533);
  });

  it('of a flag prevail over the environment or a file', () => {
    const { parse } = defineConfig(
      {
        ...{ name: 'ogong test', summary: 'A command for tests.' },
        fields: {
          key: { schema: values.text, replaces: ['signer'], description: 'a file', env: 'OGONG_KEY' },
          signer: { schema: values.text, description: 'elsewhere', env: 'OGONG_SIGNER' },
        },
      },
      () => JSON.stringify({ signer: 'of the file' }),
    );
    const read = (argv: string[], env: Record<string, string> = {}) => parse(argv, env) as { readonly values: unknown };
    const env = { OGONG_KEY: 'a', OGONG_SIGNER: 'b' };
    expect(read(['--key', 'c', '--config', 'any.json'], env).values).toEqual({ key: 'c', signer: undefined });
    // The command decides about values that were set in one way only.
    expect(read([], env).values).toEqual({ key: 'a', signer: 'b' });
    expect(read(['--key', 'c', '--signer', 'd'], env).values).toEqual({ key: 'c', signer: 'd' });
    expect(read(['--signer', 'd'], env).values).toEqual({ key: 'a', signer: 'd' });
  });

  it('are typed', () => {
    const parsed = run([]);
    expectTypeOf(parsed.bind).toEqualTypeOf<values.HostPort>();
    expectTypeOf(parsed.alpha).toEqualTypeOf<number>();
    expectTypeOf(parsed.relay).toEqualTypeOf<boolean>();
    expectTypeOf(parsed.peer).toEqualTypeOf<readonly values.HostPort[]>();
    expectTypeOf(parsed.apiKey).toEqualTypeOf<Secret<string> | undefined>();
    expectTypeOf(parsed.maxPrice).toEqualTypeOf<bigint | undefined>();
    expect(parsed).toMatchObject({ alpha: 1, relay: false, peer: [], apiKey: undefined, maxPrice: undefined });
  });

  it('read switches and lists', () => {
    expect(run(['--relay']).relay).toBe(true);
    expect(run(['--relay=no']).relay).toBe(false);
    expect(run(['--no-relay'], { OGONG_RELAY: '1' }).relay).toBe(false);
    expect(run(['--relay', '--peer=a:1', '--peer', '[::1]:2']).peer).toEqual([
      { host: 'a', port: 1 },
      { host: '::1', port: 2 },
    ]);
    expect(run([], { OGONG_PEERS: 'a:1, b:2' }).peer.length).toBe(2);
    expect(run(['--config', 'ok.json'])).toMatchObject({
      alpha: 0.25,
      relay: true,
      peer: [{ host: 'a' }, { host: 'b' }],
    });
  });

  it('hide secrets', () => {
    const { apiKey } = run([], { OGONG_API_KEY: '0xDEADBEEF' });
    expect(apiKey?.reveal()).toBe('deadbeef');
    expect(inspect(run([], { OGONG_API_KEY: 'deadbeef' }))).not.toContain('deadbeef');
    expect(problemsOf([], { OGONG_API_KEY: 'hunter2' }).join()).not.toContain('hunter2');
  });
});

describe('problems', () => {
  it('are all reported together, with the source and the expected value', () => {
    const problems = problemsOf(['--alpha', '2', '--nonsense'], { OGONG_BIND: 'here' });
    expect(problems).toEqual([
      'unknown flag --nonsense',
      '--bind (or OGONG_BIND): "here" in OGONG_BIND does not fit, expected host:port, such as 127.0.0.1:4544 or [::1]:4544',
      '--alpha (or OGONG_ALPHA): "2" does not fit, expected a number from 0 to 1',
    ]);
  });

  it.each([
    [['--aplha', '0.5'], /unknown flag --aplha \(did you mean --alpha\?\)/],
    [['--bind'], /--bind needs a value/],
    [['--bind', '--relay'], /--bind needs a value/],
    [['--alpha', '1', '--alpha', '0'], /--alpha is given more than once/],
    [['word'], /unexpected argument "word"/],
    [['--config', 'absent.json'], /absent.json cannot be used: ENOENT/],
    [['--config', 'broken.json'], /it is not JSON/],
    [['--config', 'list.json'], /expected a JSON object/],
    [['--config', 'unknown.json'], /unknown setting "alhpa" in unknown.json \(did you mean alpha\?\)/],
    [['--config', 'shape.json'], /"alpha" in shape.json: expected a text/],
    [['--no-alpha'], /unknown flag --no-alpha/],
  ])('%j', (argv, expected) => {
    expect(problemsOf(argv).join('\n')).toMatch(expected);
  });

  it('name the required value', () => {
    const strict = defineConfig({
      name: 'x',
      summary: '',
      fields: { key: { schema: values.text, required: true, env: 'X_KEY', description: 'the key' } },
    });
    expect(() => strict.parse([], {})).toThrow('--key (or X_KEY) is required: the key');
    expect(strict.parse(['--key', 'a'], {})).toMatchObject({ values: { key: 'a' } });
  });
});

it('takes positional arguments if they are allowed', () => {
  const chat = defineConfig({
    name: 'run',
    summary: '',
    fields: {} satisfies ConfigFields,
    positionals: { label: '<model>', min: 1, max: 1 },
  });
  expect(chat.parse(['a'], {})).toMatchObject({ positionals: ['a'] });
  expect(chat.parse(['--', '--a'], {})).toMatchObject({ positionals: ['--a'] });
  expect(() => chat.parse([], {})).toThrow('<model> is missing');
  expect(() => chat.parse(['a', 'b'], {})).toThrow('unexpected argument "b"');
});

it('name a variable for every flag', () => {
  expect(run([], { OGONG_TEST_MAX_PRICE: '7' }).maxPrice).toBe(7n);
});

it('prints help, version and reference', () => {
  const help = config.parse(['--help', '--nonsense'], {});
  expect(help).toEqual({
    kind: 'print',
    text: `A daemon for tests.

Usage: ogong-testd [flags]

  --bind <addr>         Address [default: 0.0.0.0:4533; env: OGONG_BIND]
  --alpha <x>           Audit coverage [default: 1.0; env: OGONG_ALPHA]
  --relay               Forward [env: OGONG_RELAY]
  --peer <host:port>    Peer [repeatable; env: OGONG_PEERS]
  --api-key <hex>       Key [env: OGONG_API_KEY]
  --max-price <amount>  Ceiling [env: OGONG_TEST_MAX_PRICE]
  --config <path>       JSON file with any of these settings, by their camelCase names
  --version             print the version
  --help                print this text
`,
  });
  expect(config.parse(['--version'], {})).toEqual({ kind: 'print', text: 'ogong-testd 1.2.3\n' });
  expect(formatMarkdown(config.definition)).toContain('| `--bind <addr>` | `OGONG_BIND` | `0.0.0.0:4533` | Address |');
});

describe('names of other programs', () => {
  const notes: string[] = [];
  const { definition, parse } = defineConfig(
    {
      name: 'ogong-testd',
      summary: '',
      fields: {
        layers: {
          schema: values.integer(),
          description: 'Layers',
          aliases: { flags: ['n-layers', 'nl'], variables: ['LLAMAMP_NGL', 'OTHER_LAYERS'] },
        },
        fast: { schema: values.boolean, boolean: true, description: 'Fast', aliases: { flags: ['quick'] } },
      },
      refusedFlags: { music: 'sound is not served yet' },
    },
    undefined,
    (line) => void notes.push(line),
  );
  const read = (argv: string[], env: Record<string, string> = {}) => {
    notes.length = 0;
    return (parse(argv, env) as { readonly values: unknown }).values;
  };

  it('set the value, and give way to the names of the setting itself', () => {
    for (const flag of ['--layers', '--n-layers', '-nl']) expect(read([flag, '7'])).toMatchObject({ layers: 7 });
    expect(read(['--quick'])).toMatchObject({ fast: true });
    expect(read(['--no-quick'])).toMatchObject({ fast: false });
    expect(read([], { LLAMAMP_NGL: '7' })).toMatchObject({ layers: 7 });
    expect(read([], { LLAMAMP_NGL: '', OTHER_LAYERS: '6' })).toMatchObject({ layers: 6 });
    expect(notes).toEqual([]);
    expect(read(['--n-layers', '9'], { LLAMAMP_NGL: '7' })).toMatchObject({ layers: 9 });
    expect(() => read([], { LLAMAMP_NGL: 'x' })).toThrow('"x" in LLAMAMP_NGL does not fit');
    expect(() => read(['--layers', '1', '--n-layers', '2'])).toThrow('--layers is given more than once');
  });

  it('are refused with the replacement', () => {
    for (const argv of [['--music', 'a.gguf'], ['--music=a.gguf'], ['--music']])
      expect(() => read(argv)).toThrow(/^--music is refused: sound is not served yet\nsee ogong-testd --help$/);
    expect(() => read(['--toString'])).toThrow('unknown flag --toString');
  });

  it('are noted where a variable has no effect, and never end the program', () => {
    read([], { LLAMAMP_NGL: '7', OGONG_TEST_LAYERS: '8' });
    expect(notes).toEqual(['LLAMAMP_NGL has no effect: OGONG_TEST_LAYERS is set, too, and prevails']);
    read([], { LLAMAMP_COMMIT: '1', LLAMAMP_DREAMS: '1', OGONG_MINT: 'x', LLAMAMP_SPEC_TYPE: '', OTHER: '1' });
    expect(notes).toEqual([
      expect.stringMatching(/^LLAMAMP_COMMIT has no effect on ogong-testd: use ogong-provider serve/),
      expect.stringMatching(/^LLAMAMP_DREAMS has no effect on ogong-testd: no setting has this name/),
      expect.stringMatching(/^OGONG_MINT has no effect on ogong-testd: use --deployment/),
    ]);
  });

  it('are left to the command that gets the environment', () => {
    const outer = defineConfig(
      { name: 'ogong-outer', summary: '', fields: {}, passesEnvironment: true },
      undefined,
      () => {
        throw new Error('noted twice');
      },
    );
    expect(outer.parse([], { LLAMAMP_NGL: '7' }).kind).toBe('run');
  });

  it('are written once, as soon as the program has an output', () => {
    const written: string[] = [];
    for (const line of ['first of a test', 'second of a test', 'first of another command']) noteOnce(line);
    writeNotesTo((text) => void written.push(text));
    for (const line of ['second of a test', 'third of a test']) noteOnce(line);
    writeNotesTo((text) => void written.push(text));
    expect(written).toEqual(['first of a test\n', 'second of a test\n', 'third of a test\n']);
  });

  it('are in the help', () => {
    expect(formatHelp(definition).replace(/\s+/g, ' ')).toContain('also: --n-layers, --nl, LLAMAMP_NGL, OTHER_LAYERS');
  });
});
