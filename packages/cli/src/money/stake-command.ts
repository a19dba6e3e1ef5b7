import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { hex } from '@ogong/host/config/values';
import type { Command } from '@ogong/host/lifecycle/command';
import { createCommandGroup, type Verb } from '@ogong/host/lifecycle/command-group';
import { EXIT } from '@ogong/host/log/errors';
import { type ActingClient, act, actionFields } from './act.ts';
import { tokenAmount } from './amount.ts';

type Kind = 'stake' | 'priority' | 'bond';
type Writes = ReturnType<ActingClient['writesTo']>;

const ABOUT = {
  stake: {
    name: 'stake',
    what: 'stake: it weighs in draws of verifiers, backs a router, and refuted reports and cases cost of it; it leaves with a delay',
    add: (writes: Writes, amount: bigint) => writes.stake(amount),
    ask: (writes: Writes, amount: bigint) => writes.requestUnstake(amount),
    finish: (writes: Writes) => writes.finishUnstake(),
    note: 'It weighs nothing from then on, and is paid after the unbonding delay. A further request starts the delay again.',
  },
  priority: {
    name: 'priority stake',
    what: 'priority stake of a provider: it weighs in routing, nothing takes of it, and it leaves with a delay',
    add: (writes: Writes, amount: bigint) => writes.prioritize(amount),
    ask: (writes: Writes, amount: bigint) => writes.requestDeprioritize(amount),
    finish: (writes: Writes) => writes.finishDeprioritize(),
    note: 'It weighs nothing from then on, and is paid after the unbonding delay. A further request starts the delay again.',
  },
  bond: {
    name: 'bond',
    what: "a validator's bond: it is its vote, and can be slashed; with --provider, the bond of a provider's key",
    add: (writes: Writes, amount: bigint) => writes.bond(amount),
    ask: (writes: Writes, amount: bigint) => writes.requestUnbond(amount),
    finish: (writes: Writes) => writes.finishUnbond(),
    note: 'It is no vote from then on, stays slashable, and is paid after the unbonding delay. A further request starts the delay again.',
  },
} as const;

/** Beside held earnings, for one key (docs/spec/earnings.md, bonds of keys). */
const OF_KEY = {
  add: (writes: Writes, amount: bigint, key: `0x${string}`) => writes.bondKey(key, amount),
  ask: (writes: Writes, amount: bigint, key: `0x${string}`) => writes.requestUnbondKey(key, amount),
  finish: (writes: Writes, key: `0x${string}`) => writes.finishUnbondKey(key),
} as const;

const providerField = {
  provider: {
    schema: hex(32),
    description:
      "the bond of this provider's key, by its payee. It counts as held earnings from the next period on, and a final ejection of the key takes it",
  },
} as const;

/** @throws ConfigError if the network has no bonds of keys */
async function assertKeyBonds(name: string, client: ActingClient): Promise<void> {
  const why =
    client.deployment.burnAndMint !== undefined
      ? 'this network pays in credits, which cannot be transferred and lapse. So a key has no bond, and held earnings alone secure it'
      : (await client.parameters()).holding.period === 0
        ? 'this network holds no earnings, so a bond beside them would change nothing'
        : undefined;
  if (why !== undefined) throw new ConfigError(name, [`--provider: ${why}`]);
}

const readKey = (kind: Kind, values: { readonly provider?: string | undefined }): `0x${string}` | undefined =>
  kind === 'bond' && values.provider !== undefined ? `0x${values.provider}` : undefined;

const nameOf = (kind: Kind, key: string | undefined): string =>
  key === undefined ? ABOUT[kind].name : `bond of the key ${key}`;

function createAmountVerb(kind: Kind, verb: 'add' | 'remove'): Verb {
  const { note, add, ask } = ABOUT[kind];
  const name = `ogong ${kind} ${verb}`;
  const summary =
    verb === 'add'
      ? `Adds to the account's ${ABOUT[kind].name}.`
      : `Asks a part of the ${ABOUT[kind].name} back. ${note}`;
  const config = defineConfig({
    ...{ name, summary, examples: [`${name} --amount 100 --keypair <path> --deployment deployment.json --dry-run`] },
    fields: {
      ...actionFields,
      ...(kind === 'bond' && providerField),
      amount: { schema: tokenAmount, required: true, description: 'how much' },
    },
  });
  return {
    summary: verb === 'add' ? `add to the ${ABOUT[kind].name}` : 'ask a part of it back',
    async run(argv, output) {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return EXIT.ok;
      }
      const { amount: written, ...values } = parsed.values;
      const amount = written.atomic;
      const key = readKey(kind, values);
      const what = `the ${nameOf(kind, key)}`;
      return act(name, values, output, {
        amounts: [{ flag: 'amount', amount: written, is: 'token', isTaken: verb === 'add' }],
        does: ({ token, format }) =>
          verb === 'add' ? `add ${format(amount, token)} to ${what}` : `ask ${format(amount, token)} of ${what} back`,
        async run(writes, client) {
          if (key === undefined) return verb === 'add' ? add(writes, amount) : ask(writes, amount);
          await assertKeyBonds(name, client);
          return verb === 'add' ? OF_KEY.add(writes, amount, key) : OF_KEY.ask(writes, amount, key);
        },
      });
    },
  };
}

function createFinishVerb(kind: Kind): Verb {
  const name = `ogong ${kind} finish`;
  const config = defineConfig({
    ...{ name, summary: 'Withdraws a requested amount, once its delay is over.' },
    examples: [`${name} --keypair <path> --deployment deployment.json`],
    fields: { ...actionFields, ...(kind === 'bond' && providerField) },
  });
  return {
    summary: 'withdraw a requested amount',
    async run(argv, output) {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return EXIT.ok;
      }
      const key = readKey(kind, parsed.values);
      return act(name, parsed.values, output, {
        does: `take out the ${nameOf(kind, key)} that was asked back`,
        run: async (writes) => (key === undefined ? ABOUT[kind].finish(writes) : OF_KEY.finish(writes, key)),
      });
    },
  };
}

const createKindCommand = (kind: Kind): Command =>
  createCommandGroup({
    ...{ program: 'ogong', name: kind, summary: ABOUT[kind].what },
    verbs: {
      add: createAmountVerb(kind, 'add'),
      remove: createAmountVerb(kind, 'remove'),
      finish: createFinishVerb(kind),
    },
    examples: [`ogong ${kind} add --amount 100 --keypair <path> --deployment deployment.json --dry-run`],
  });

export const stakeCommand: Command = createKindCommand('stake');
export const priorityCommand: Command = createKindCommand('priority');
export const bondCommand: Command = createKindCommand('bond');
