import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { define, hex } from '@ogong/host/config/values';
import type { Command } from '@ogong/host/lifecycle/command';
import { createCommandGroup, type Verb } from '@ogong/host/lifecycle/command-group';
import { EXIT } from '@ogong/host/log/errors';
import { type Action, act, actionFields } from './act.ts';
import { tokenAmount, type WrittenAmount } from './amount.ts';

const amount = { schema: tokenAmount, required: true, description: 'how much' } as const;
const validator = {
  schema: hex(20),
  required: true,
  description: "the validator's account, without 0x",
} as const;

const EXAMPLE = '--keypair <path> --deployment deployment.json --dry-run';

const asPaid = (amount: WrittenAmount, isTaken = false) => [{ flag: 'amount', amount, is: 'paid', isTaken }] as const;

/** Deposits, and withdraws free balance. */
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
      const { amount: written, ...values } = parsed.values;
      const { atomic } = written;
      const does: Action['does'] = ({ paid, format }) => {
        const amount = format(atomic, paid);
        return isIn ? `deposit ${amount}` : `take ${amount} out of the escrow`;
      };
      return act(name, values, output, {
        ...{ does, amounts: asPaid(written, isIn) },
        run: (writes) => writes[verb](atomic),
      });
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
      : "Asks a part of a validator's reserve back. It is free after the withdrawal delay (finish); earlier orders are still paid.",
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
      const { amount: written, validator: account, ...values } = parsed.values;
      const { atomic } = written;
      const whom = `0x${account}` as const;
      const does: Action['does'] = ({ paid, format }) => {
        const amount = format(atomic, paid);
        return isIn ? `reserve ${amount} for ${whom}` : `ask ${amount} back that is reserved for ${whom}`;
      };
      const run = isIn ? 'admit' : 'requestRelease';
      return act(name, values, output, {
        ...{ does, amounts: asPaid(written) },
        async run(writes, client) {
          // A reserve for another account waits for the withdrawal delay, and pays nothing meanwhile.
          if (isIn && !(await client.validators()).some((one) => one.account === whom))
            throw new ConfigError(name, [`--validator: ${whom} is no validator of this network`]);
          await writes[run](whom, atomic);
        },
      });
    },
  };
}

const finishConfig = defineConfig({
  ...{ name: 'ogong escrow finish', examples: [`ogong escrow finish --validator <address> ${EXAMPLE}`] },
  summary: "Frees a requested part of a validator's reserve, once the delay is over.",
  fields: { ...actionFields, validator },
});

const finishVerb: Verb = {
  summary: 'free a requested release',
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

/** Wallets decide how long a signature of theirs is. */
const hexBytes = define('hexadecimal digits, without 0x, of at most 4,096 bytes', '<hex>', (value) =>
  /^(?:[0-9a-f]{2}){1,4096}$/.test(value) ? value : undefined,
);

const allowConfig = defineConfig({
  ...{
    name: 'ogong escrow allow',
    examples: [`ogong escrow allow --validator <address> --key <address> --amount 10 ${EXAMPLE}`],
  },
  summary:
    'Lets a key sign orders for an account at one validator, up to this amount in all, earlier spending included.\n' +
    'It cannot be lowered. A contract account gives its consent by its code (ERC-1271), or makes the call itself.',
  fields: {
    ...actionFields,
    validator,
    key: { schema: hex(20), required: true, description: 'address of the key that signs orders, without 0x' },
    amount: { ...amount, description: "up to how much, counted as the channel's spent amount is" },
    payer: { schema: hex(20), description: 'the account that pays, without 0x; default: the account of --keypair' },
    consent: {
      schema: hexBytes,
      description: "the payer's signature over the contract's orderKeyDigest, hexadecimal digits; with --payer",
    },
  },
});

const allowVerb: Verb = {
  summary: 'let a key sign orders for an account',
  async run(argv, output) {
    const parsed = allowConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { validator: account, key, payer, consent = '', amount: written, ...values } = parsed.values;
    const { atomic: cumulative } = written;
    const whom = `0x${account}` as const;
    const allowed = { key: `0x${key}`, cumulative, consent: `0x${consent}` } as const;
    const does: Action['does'] = ({ paid, format }) =>
      `let 0x${key} sign orders at ${whom}, up to ${format(cumulative, paid)} in all`;
    return act('ogong escrow allow', values, output, {
      ...{ does, amounts: asPaid(written) },
      run: (writes, { address }) => writes.allowKey(whom, { payer: payer ? `0x${payer}` : address, ...allowed }),
    });
  },
};

export const escrowCommand: Command = createCommandGroup({
  ...{ program: 'ogong', name: 'escrow', summary: "a payer's deposit, and its reserves for validators" },
  verbs: {
    deposit: createFreeVerb('deposit'),
    withdraw: createFreeVerb('withdraw'),
    admit: createChannelVerb('admit'),
    release: createChannelVerb('release'),
    finish: finishVerb,
    allow: allowVerb,
  },
  examples: [
    `ogong escrow deposit --amount 25 ${EXAMPLE}`,
    `ogong escrow admit --validator <address> --amount 10 ${EXAMPLE}`,
  ],
});
