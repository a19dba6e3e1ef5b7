import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MeshError } from './mesh-error.ts';
import {
  assignPorts,
  beaconPeriodOf,
  bondOf,
  CALM_TIMINGS,
  countPorts,
  DEFAULT_BASE_PORT,
  type MeshOptions,
  type MeshPins,
  planMesh,
  planPorts,
} from './mesh-plan.ts';

const options: MeshOptions = {
  directory: '/mesh',
  model: { path: '/models/story.gguf', id: 'ogong/verified/karpathy/stories15m', root: new Uint8Array(32) },
  variants: [{ name: 'cheat', program: { entry: '/lab/provider.ts', args: ['--cheat', 'prefill'] } }],
};
const pins: MeshPins = {
  router: 'aa'.repeat(32),
  validators: [1, 2, 3, 4].map((i) => `0x${`4${i}`.repeat(20)}`),
  verifiers: Array.from({ length: 4 }, (_, i) => ({ certHash: `0${i}`.repeat(32), keyHash: `1${i}`.repeat(32) })),
  providers: Array.from({ length: 4 }, (_, i) => `2${i}`.repeat(32)),
};
const plan = planMesh(options, planPorts(DEFAULT_BASE_PORT, options), pins);
const find = (name: string) => plan.processes.find((process) => process.name === name)!;
const flag = (name: string, of: string): string | undefined => find(name).args[find(name).args.indexOf(of) + 1];

describe('mesh plan', () => {
  it('has the threshold beacon by default', () => {
    expect(beaconPeriodOf({})).toBe(2);
    expect(beaconPeriodOf({ beacon: 'vrf' })).toBeUndefined();
  });

  it('has four validators, a verifier beside each of four providers, a router and a gateway', () => {
    const count = (role: string) => plan.processes.filter((process) => process.role === role).length;
    expect(['validator', 'verifier', 'provider', 'router', 'gateway'].map(count)).toEqual([4, 4, 4, 1, 1]);
  });

  it('gives every daemon its own port, directory and log', () => {
    for (const of of ['port', 'dataDir', 'logFile', 'name'] as const) {
      expect(new Set(plan.processes.map((process) => process[of])).size).toBe(plan.processes.length);
    }
    expect(plan.processes.map(({ port }) => port)).not.toContain(plan.chainPort);
  });

  it('puts the gateway where clients look for it', () => {
    expect(plan.gatewayUrl).toBe('http://127.0.0.1:4546');
  });

  it('has validators test providers if a rate is named, at its own gateway', () => {
    expect(plan.canaries).toBeUndefined();
    expect(find('validator-1').args.join(' ')).not.toContain('canary');
    const tested = planMesh({ ...options, canaryRate: 0 }, planPorts(DEFAULT_BASE_PORT, options), pins);
    for (const { args } of tested.processes.filter(({ role }) => role === 'validator')) {
      expect(args[args.indexOf('--canary-gateway') + 1]).toBe(plan.gatewayUrl);
      expect(args[args.indexOf('--canary-texts') + 1]).toBe('/mesh/canary-texts.txt');
    }
  });

  it('names entries that exist', () => {
    const own = plan.processes.filter(({ name }) => name !== 'cheat');
    for (const { entry } of own) expect(existsSync(entry), entry).toBe(true);
  });

  it('has readers ask for the beacon twice in an epoch, at most once in a second', () => {
    const calm = planMesh({ ...options, timings: CALM_TIMINGS }, planPorts(DEFAULT_BASE_PORT, options), pins);
    const intervalsOf = ({ processes }: typeof plan) =>
      processes.flatMap(({ args }) => args.filter((_, i) => args[i - 1] === '--beacon-interval'));
    expect(intervalsOf(plan)).toEqual(new Array(5).fill('1000ms'));
    expect(intervalsOf(calm)).toEqual(new Array(5).fill(`${CALM_TIMINGS.epochMs / 2}ms`));
  });

  // Node 24 lets the young generation grow to 128 MiB, most of it garbage from the start.
  it('names entries that bound the garbage that they hold', () => {
    const own = plan.processes.filter(({ name }) => name !== 'cheat');
    for (const { entry } of own) {
      expect(readFileSync(entry, 'utf8'), entry).toMatch(/^#!\/usr\/bin\/env -S node .*--max-semi-space-size=16\n/);
    }
  });

  it('has each validator speak with a key of its own, and pay with another, for an account without its key', () => {
    for (const [i, name] of ['validator-1', 'validator-2', 'validator-3', 'validator-4'].entries()) {
      expect(flag(name, '--account')).toBe(pins.validators[i]);
      expect(flag(name, '--signing-keypair')).toBe(`/mesh/${name}/signing.key`);
      expect(flag(name, '--transaction-keypair')).toBe(`/mesh/${name}/ledger.key`);
      expect(find(name).args).not.toContain('--keypair');
    }
  });

  it('pairs each provider with its verifier and pins both', () => {
    for (const [i, name] of ['provider-1', 'provider-2', 'provider-3', 'cheat'].entries()) {
      expect(flag(name, '--verifier-endpoint')).toBe(`127.0.0.1:${find(`verifier-${i + 1}`).port}`);
      expect(flag(name, '--verifier-cert')).toBe(pins.verifiers[i]!.certHash);
      expect(flag(`verifier-${i + 1}`, '--provider')).toBe(pins.providers[i]);
      expect(flag(name, '--router-cert')).toBe(pins.router);
    }
  });

  it('runs the cheat on the same flags as everyone, and its own', () => {
    const { entry, args } = find('cheat');
    expect(entry).toBe('/lab/provider.ts');
    expect(args.slice(0, 4)).toEqual(['--cheat', 'prefill', '--', 'serve']);
    expect(flag('cheat', '--model')).toBe(`file:${options.model.path}`);
    expect(flag('cheat', '--backend')).toBe('cpu');
  });

  it('has every model served by every provider and run by every verifier', () => {
    const others = [{ path: '/models/b.gguf', id: 'ogong/verified/test/b', root: new Uint8Array(32) }];
    const both = planMesh({ ...options, others }, planPorts(DEFAULT_BASE_PORT, options), pins);
    const valuesOf = (args: readonly string[], of: string) => args.filter((_, i) => args[i - 1] === of);
    for (const { role, args } of both.processes) {
      if (role !== 'provider' && role !== 'verifier') continue;
      expect(valuesOf(args, '--model')).toEqual(['file:/models/story.gguf', 'file:/models/b.gguf']);
      const ids = role === 'provider' ? [options.model.id, 'ogong/verified/test/b'] : [];
      expect(valuesOf(args, '--model-id')).toEqual(ids);
    }
  });

  it('runs no verifier beside a variant that wants none', () => {
    const variants = [{ name: 'segment', models: [], hasVerifier: false }, { name: 'whole' }];
    const mixed: MeshOptions = { ...options, providers: 1, variants };
    const { processes } = planMesh(mixed, planPorts(DEFAULT_BASE_PORT, mixed), pins);
    const names = processes.filter(({ role }) => role === 'verifier').map(({ name }) => name);
    expect(names).toEqual(['verifier-1', 'verifier-3']);
    const verifiersOf = (name: string) =>
      processes.find((process) => process.name === name)?.args.filter((arg) => arg.startsWith('--verifier-'));
    expect(verifiersOf('segment')).toEqual([]);
    expect(verifiersOf('whole')).toEqual(['--verifier-endpoint', '--verifier-cert', '--verifier-key']);
  });

  it('has models of attested tiers served by the variants that name them alone, from one file, under a policy', () => {
    const id = 'ogong/tee/karpathy/stories15m';
    const mixed: MeshOptions = {
      ...options,
      others: [{ ...options.model, id }],
      variants: [{ name: 'enclave', flags: ['--tee', 'software'], models: [id] }],
      machines: { policyFile: '/mesh/policy.json', intervalMs: 2_000, attested: ['router', 'validator-1'] },
    };
    const { processes } = planMesh(mixed, planPorts(DEFAULT_BASE_PORT, mixed), pins);
    const valuesOf = (name: string, of: string) => {
      const { args = [] } = processes.find((process) => process.name === name) ?? {};
      return args.filter((_, i) => args[i - 1] === of);
    };
    expect(valuesOf('provider-1', '--model-id')).toEqual([options.model.id]);
    expect(valuesOf('enclave', '--model-id')).toEqual([id]);
    expect(valuesOf('enclave', '--model')).toHaveLength(1);
    expect(valuesOf('enclave', '--tee')).toEqual(['software']);
    expect(valuesOf('provider-1', '--tee')).toEqual([]);
    for (const name of ['router', 'validator-1']) expect(valuesOf(name, '--tee')).toEqual(['software']);
    expect(valuesOf('validator-2', '--tee')).toEqual([]);
    expect(valuesOf('verifier-1', '--model')).toHaveLength(1);
    for (const name of ['gateway', 'validator-1'])
      expect(valuesOf(name, '--machine-policy')).toEqual(['/mesh/policy.json']);
    expect(valuesOf('gateway', '--machine-interval')).toEqual(['2000ms']);
    expect(find('gateway').args).not.toContain('--machine-policy');
  });

  it('puts the last honest providers behind a relay at the given port, if it is configured', () => {
    const relayed: MeshOptions = { ...options, relay: { providers: 2, publicPort: 4999 }, seal: 'required' };
    const behind = planMesh(relayed, planPorts(DEFAULT_BASE_PORT, relayed), { ...pins, relay: 'bb'.repeat(32) });
    const argsOf = (name: string) => behind.processes.find((process) => process.name === name)?.args ?? [];
    const hidden = behind.processes.filter(({ args }) => args.includes('--relay')).map(({ name }) => name);
    expect(hidden).toEqual(['provider-2', 'provider-3']);
    expect(argsOf('provider-3').join(' ')).toContain('--relay auto');
    expect(argsOf('router').join(' ')).toContain(`--known-relay 127.0.0.1:4999|${'bb'.repeat(32)}`);
    expect(argsOf('relay')).toEqual([
      '--bind',
      '127.0.0.1:4547',
      '--data-dir',
      '/mesh/relay',
      '--metrics-bind',
      '127.0.0.1:0',
    ]);
    expect(argsOf('gateway').join(' ')).toContain('--seal required');
    expect(countPorts(relayed)).toBe(countPorts(options) + 1);
    expect(() =>
      planMesh({ ...relayed, relay: { providers: 4 } }, planPorts(DEFAULT_BASE_PORT, relayed), pins),
    ).toThrow(MeshError);
    expect(plan.processes.some(({ name, args }) => name === 'relay' || args.includes('--relay'))).toBe(false);
  });

  it('gives the last validators a signer each on request: no key of theirs is with the daemon', () => {
    const kept: MeshOptions = { ...options, signers: 2 };
    const { processes } = planMesh(kept, planPorts(DEFAULT_BASE_PORT, kept), pins);
    const signers = processes.filter(({ role }) => role === 'signer');
    expect(signers.map(({ name, args }) => [name, args])).toEqual(
      [3, 4].map((i) => [
        `signer-${i}`,
        [
          ...['--data-dir', `/mesh/signer-${i}`, '--account', pins.validators[i - 1]],
          ...['--socket', `/mesh/signer-${i}/socket/s`],
        ],
      ]),
    );
    for (const { entry } of signers) expect(readFileSync(entry, 'utf8')).toContain('--max-semi-space-size=16');
    const argsOf = (name: string) => processes.find((one) => one.name === name)?.args.join(' ');
    for (const i of [3, 4]) {
      expect(argsOf(`validator-${i}`)).toContain(`--signer /mesh/signer-${i}/socket/s`);
      expect(argsOf(`validator-${i}`)).not.toContain('--signing-keypair');
      expect(processes.find(({ name }) => name === `validator-${i}`)?.after).toEqual([`signer-${i}`]);
    }
    expect(argsOf('validator-2')).toContain('--signing-keypair');
    expect(countPorts(kept)).toBe(countPorts(options));
    expect(() => planMesh({ ...kept, signers: 5 }, planPorts(DEFAULT_BASE_PORT, kept), pins)).toThrow(MeshError);
  });

  it('starts providers and gateway after their dependencies', () => {
    const names = new Set(plan.processes.map(({ name }) => name));
    for (const { after } of plan.processes) for (const name of after) expect(names).toContain(name);
    expect(find('gateway').after).toEqual(['validator-1', 'validator-2', 'validator-3', 'validator-4', 'router']);
  });

  it('takes as many free ports as it says', () => {
    const ports = assignPorts(
      Array.from({ length: countPorts(options) }, (_, i) => 50_000 + i),
      options,
    );
    expect(ports.providers).toHaveLength(4);
    expect(() => assignPorts([1, 2, 3], options)).toThrow(MeshError);
  });

  it('bonds so that three validators are a quorum and two never are', () => {
    const bonds = [0, 1, 2, 3].map(bondOf);
    const total = bonds.reduce((a, b) => a + b, 0n);
    const [least, , , most] = bonds as [bigint, bigint, bigint, bigint];
    expect(3n * (total - most) > 2n * total).toBe(true);
    expect(3n * (most + (bonds[2] as bigint)) > 2n * total).toBe(false);
    expect(least < most).toBe(true);
  });

  it.each([
    ['no validators', { ...options, validators: 0 }],
    ['ten validators', { ...options, validators: 10 }],
    ['no providers', { ...options, providers: 0, variants: [] }],
  ])('refuses %s', (_what, wrong) => {
    expect(() => planMesh(wrong, planPorts(DEFAULT_BASE_PORT, options), pins)).toThrow(MeshError);
  });

  it.each([80, 65_500, 1.5])('refuses base port %s', (base) => {
    expect(() => planPorts(base, options)).toThrow(MeshError);
  });
});
