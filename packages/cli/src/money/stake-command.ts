import { defineConfig } from '@ogong/host/config/define-config';
import type { Command } from '@ogong/host/lifecycle/command';
import { createCommandGroup, type Verb } from '@ogong/host/lifecycle/command-group';
import { EXIT } from '@ogong/host/log/errors';
import { act, actionFields } from './act.ts';
import { formatAmount, tokenAmount } from './amount.ts';

type Kind = 'stake' | 'bond';

const ABOUT = {
  stake: {
    what: 'priority stake: it weighs in routing and in draws of verifiers, and leaves with a delay',
    ask: 'requestUnstake',
    finish: 'finishUnstake',
    note: 'It weighs nothing from then on, and is paid after the unbonding delay. A further request starts the delay again.',
  },
  bond: {
    what: "a validator's bond: it is its vote, and can be slashed",
    ask: 'requestUnbond',
    finish: 'finishUnbond',
    note: 'It is no vote from then on, stays slashable, and is paid after the unbonding delay. A further request starts the delay again.',
  },
} as const;

function createAmountVerb(kind: Kind, verb: 'add' | 'remove'): Verb {
  const { ask, note } = ABOUT[kind];
  const name = `ogong ${kind} ${verb}`;
  const summary = verb === 'add' ? `Adds to the account's ${kind}.` : `Asks a part of the ${kind} back. ${note}`;
  const config = defineConfig({
    ...{ name, summary, examples: [`${name} --amount 100 --keypair <path> --deployment deployment.json --dry-run`] },
    fields: { ...actionFields, amount: { schema: tokenAmount, required: true, description: 'how much' } },
  });
  return {
    summary: verb === 'add' ? `add to the ${kind}` : 'ask a part of it back',
    async run(argv, output) {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return EXIT.ok;
      }
      const { amount, ...values } = parsed.values;
      const does =
        verb === 'add'
          ? `add ${formatAmount(amount)} to the ${kind}`
          : `ask ${formatAmount(amount)} of the ${kind} back`;
      return act(name, values, output, { does, run: (writes) => writes[verb === 'add' ? kind : ask](amount) });
    },
  };
}

function createFinishVerb(kind: Kind): Verb {
  const name = `ogong ${kind} finish`;
  const config = defineConfig({
    ...{ name, summary: 'Takes out what was asked back, once its delay is over.' },
    examples: [`${name} --keypair <path> --deployment deployment.json`],
    fields: actionFields,
  });
  return {
    summary: 'take out what was asked back',
    async run(argv, output) {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return EXIT.ok;
      }
      const action = {
        does: `take out the ${kind} that was asked back`,
        run: async (writes: Parameters<typeof finish>[0]) => finish(writes),
      };
      const finish = (writes: { finishUnstake(): Promise<unknown>; finishUnbond(): Promise<unknown> }) =>
        writes[ABOUT[kind].finish]();
      return act(name, parsed.values, output, action);
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
export const bondCommand: Command = createKindCommand('bond');
