import { createChainClient, type EarningsBalance } from '@ogong/chain/client';
import { chainFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { hex, text } from '@ogong/host/config/values';
import { loadLedgerKey } from '@ogong/host/crypto/key-files';
import { EXIT } from '@ogong/host/log/errors';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Command, Output } from './command.ts';
import { jsonField, printJson } from './print-json.ts';

const config = defineConfig({
  name: 'ogong earnings',
  summary:
    'Shows what a provider earned, and what of it is still held. With --keypair it also pays the payee what it can have by now.\n' +
    'What is earned in one period is held for the next two whole periods; an ejection takes what is held.',
  fields: {
    ...chainFields,
    provider: { schema: hex(32), required: true, description: 'provider id, as ogong-provider serve prints it' },
    payee: { schema: hex(20), required: true, description: 'ledger address that is paid, without 0x' },
    keypair: {
      schema: text,
      label: '<path>',
      env: 'OGONG_KEYPAIR',
      description:
        'file with the ledger key, as hexadecimal digits, whose account pays for the transaction; anybody may',
    },
    json: jsonField,
  },
});

export const earningsCommand: Command = {
  name: 'earnings',
  summary: 'what a provider earned, what of it is held, and the payment of the rest to its payee',
  async run(argv, output) {
    const parsed = config.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { provider, payee, keypair, json, ...where } = parsed.values;
    const found = readDeployment(config.definition.name, where);
    const key = keypair === undefined ? {} : { privateKey: `0x${toHex(loadLedgerKey(keypair).reveal())}` as const };
    const chain = await createChainClient({ ...found, ...key });
    const account = [`0x${provider}`, `0x${payee}`] as const;
    const { withdrawable } = await chain.earningsOf(...account);
    const isPaid = keypair !== undefined && withdrawable > 0n;
    if (isPaid) await chain.withdrawEarnings(...account);
    const [balance, { holding }] = await Promise.all([chain.earningsOf(...account), chain.parameters()]);
    const paidNow = isPaid ? withdrawable : 0n;
    if (json) printJson(output, { ...toStrings({ ...balance, paidNow }), periodSeconds: holding.period });
    else printBalance(output, balance, { paidNow, periodSeconds: holding.period });
    return EXIT.ok;
  },
};

/** JSON has no integers of this size. */
function toStrings(amounts: Readonly<Record<string, bigint>>): Record<string, string> {
  return Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, amount.toString()]));
}

function printBalance(
  output: Output,
  { earned, held, withdrawable, paid, collectable, collected }: EarningsBalance,
  { paidNow, periodSeconds }: { readonly paidNow: bigint; readonly periodSeconds: number },
): void {
  const rows: readonly (readonly [string, bigint, string])[] = [
    ['earned', earned, ''],
    ['held', held, `each part until two whole periods of ${periodSeconds} s are over`],
    ['withdrawable', withdrawable, ''],
    ['paid', paid, paidNow > 0n ? `${paidNow} of it now` : ''],
    ['verification', collected + collectable, 'the first units, and what an ejection took'],
  ];
  for (const [name, amount, note] of rows) {
    output.write(`${name.padEnd(13)} ${amount} atomic units${note === '' ? '' : `  (${note})`}\n`);
  }
}
