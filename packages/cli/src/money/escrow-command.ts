import { defineConfig } from '@ogong/host/config/define-config';
import { hex } from '@ogong/host/config/values';
import type { Command } from '@ogong/host/lifecycle/command';
import { createCommandGroup, type Verb } from '@ogong/host/lifecycle/command-group';
import { EXIT } from '@ogong/host/log/errors';
import { type Action, act, actionFields } from './act.ts';
import { formatAmount, tokenAmount } from './amount.ts';

const amount = { schema: tokenAmount, required: true, description: 'how much' } as const;
const validator = {
  schema: hex(20),
  required: true,
  description: "the validator's account, without 0x",
} as const;

const EXAMPLE = '--keypair <path> --deployment deployment.json --dry-run';

/** Deposits, and takes out what is not reserved. */
function createFreeVerb(verb: 'deposit' | 'withdraw'): Verb {
  const name = `ogong escrow ${verb}`;
  const isIn = verb === 'deposit';
  const config = defineConfig({
    ...{ name, examples: [`${name} --amount 25 ${EXAMPLE}`] },
    summary: isIn
      ? 'Deposits tokens to pay replies with; credits, where the network burns and mints.'
      : 'Takes out what is not reserved for a validator, at once.',
    fields: { ...actionFields, amount },
  });
  return {
    summary: isIn ? 'deposit tokens' : 'take out what is not reserved',
    async run(argv, output) {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return EXIT.ok;
      }
      const { amount: atomic, ...values } = parsed.values;
      const does: Action['does'] = ({ paid }) => {
        const amount = formatAmount(atomic, undefined, paid);
        return isIn ? `deposit ${amount}` : `take ${amount} out of the escrow`;
      };
      return act(name, values, output, { does, run: (writes) => writes[verb](atomic) });
    },
  };
}

/** Reserves for a validator, and asks back. */
function createChannelVerb(verb: 'admit' | 'release'): Verb {
  const name = `ogong escrow ${verb}`;
  const isIn = verb === 'admit';
  const config = defineConfig({
    ...{ name, examples: [`${name} --validator <address> --amount 10 ${EXAMPLE}`] },
    summary: isIn
      ? 'Reserves a part of the deposit for one validator, which may then take orders against it.'
      : 'Asks a part of what is reserved for a validator back. It is free after the withdrawal delay (finish); what was ordered before is still paid.',
    fields: { ...actionFields, validator, amount },
  });
  return {
    summary: isIn ? 'reserve a part for a validator' : 'ask a part of it back',
    async run(argv, output) {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return EXIT.ok;
      }
      const { amount: atomic, validator: account, ...values } = parsed.values;
      const whom = `0x${account}` as const;
      const does: Action['does'] = ({ paid }) => {
        const amount = formatAmount(atomic, undefined, paid);
        return isIn ? `reserve ${amount} for ${whom}` : `ask ${amount} back that is reserved for ${whom}`;
      };
      const run = isIn ? 'admit' : 'requestRelease';
      return act(name, values, output, { does, run: (writes) => writes[run](whom, atomic) });
    },
  };
}

const finishConfig = defineConfig({
  ...{ name: 'ogong escrow finish', examples: [`ogong escrow finish --validator <address> ${EXAMPLE}`] },
  summary: 'Frees what was asked back of a validator, once the delay is over.',
  fields: { ...actionFields, validator },
});

const finishVerb: Verb = {
  summary: 'free what was asked back',
  async run(argv, output) {
    const parsed = finishConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { validator: account, ...values } = parsed.values;
    const whom = `0x${account}` as const;
    const does = `free what was asked back of ${whom}`;
    return act('ogong escrow finish', values, output, { does, run: (writes) => writes.finishRelease(whom) });
  },
};

export const escrowCommand: Command = createCommandGroup({
  ...{ program: 'ogong', name: 'escrow', summary: 'what a payer deposits, and reserves for validators' },
  verbs: {
    deposit: createFreeVerb('deposit'),
    withdraw: createFreeVerb('withdraw'),
    admit: createChannelVerb('admit'),
    release: createChannelVerb('release'),
    finish: finishVerb,
  },
  examples: [
    `ogong escrow deposit --amount 25 ${EXAMPLE}`,
    `ogong escrow admit --validator <address> --amount 10 ${EXAMPLE}`,
  ],
});
