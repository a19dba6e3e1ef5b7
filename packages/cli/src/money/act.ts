import type { ChainClient } from '@ogong/chain/client';
import type { Deployment } from '@ogong/chain/deployment';
import { createWrites } from '@ogong/chain/ledger-writes';
import { createPreview, type PreviewedTransaction } from '@ogong/chain/preview';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { boolean, hex, httpUrl, text } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { openLedger, readPrivateKey, type Sender } from '../open-ledger.ts';
import { createFormat, formatTokens, priceField, type ShowAmount, unitsOf } from './amount.ts';

type Writes = ReturnType<typeof createWrites>;

/** Flags of every command that moves money. */
export const actionFields = {
  ...chainFields,
  keypair: {
    schema: text,
    label: '<path>',
    env: 'OGONG_KEYPAIR',
    description: "file with the account's key, as hexadecimal digits; it signs and pays for the transactions",
  },
  signer: {
    schema: httpUrl,
    env: 'OGONG_WALLET_SIGNER',
    description:
      'in place of --keypair: a signer that answers eth_signTransaction or eth_sendTransaction, such as the bridge of a hardware wallet, or a wallet; with --account',
  },
  account: {
    schema: hex(20),
    env: 'OGONG_WALLET_ACCOUNT',
    description: 'the account that --signer signs for, without 0x',
  },
  dryRun: {
    schema: boolean,
    boolean: true,
    description: 'send nothing: say what would be sent and what it would cost, or why the chain would refuse it',
  },
  price: priceField,
  json: jsonField,
} as const;

interface ActionValues {
  readonly deployment: string;
  readonly rpcUrl: string | undefined;
  readonly keypair?: string | undefined;
  readonly signer?: URL | string | undefined;
  readonly account?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly price?: number | undefined;
  readonly json?: boolean | undefined;
}

/** The account that acts; nothing that it sends is mined where it is dry. */
export type ActingClient = ChainClient & {
  readonly address: `0x${string}`;
  readonly isDry: boolean;
  readonly format: ShowAmount;
  /** The same account, in the contracts of another deployment on the same chain. */
  readonly writesTo: (deployment: Deployment) => Writes;
};

export interface Action {
  /** What is done, as a sentence without its end; by the units of the network where it has amounts. */
  readonly does: string | ((units: ReturnType<typeof unitsOf> & { readonly format: ShowAmount }) => string);
  /** Further fields of the JSON, once it is done. Amounts are text. */
  readonly fields?: () => Readonly<Record<string, unknown>>;
  run(writes: Writes, client: ActingClient): Promise<unknown>;
}

/** Does it, or says what it would take. @throws ChainError where the chain refuses, in both cases */
export async function act(program: string, values: ActionValues, output: Output, action: Action): Promise<number> {
  const { keypair, signer, account, price, dryRun = false, json = false, ...where } = values;
  const client = await openLedger(program, where, readSender(program, { keypair, signer, account }));
  const { address } = client;
  if (address === undefined) throw new TypeError('a client with a key has an address');
  const preview = createPreview(client.transactor);
  const transactor = dryRun ? { ...client.transactor, send: preview.send } : client.transactor;
  const format = createFormat(price);
  const { does: said } = action;
  const does = typeof said === 'string' ? said : said({ ...unitsOf(client.deployment), format });
  await action.run(createWrites(transactor, client.deployment), {
    ...{ ...client, address, isDry: dryRun, format },
    writesTo: (deployment) => createWrites(transactor, deployment),
  });
  const { chainId } = client.deployment;
  const sent = dryRun && { chainId, ...toJson(preview.transactions) };
  if (json) printJson(output, { account: address, does, dryRun, ...action.fields?.(), ...sent });
  else output.write(dryRun ? describe({ does, chainId }, preview.transactions) : `done: ${does}\n`);
  return EXIT.ok;
}

/** @throws ConfigError unless there is a key, or a signer with its account. */
function readSender(
  program: string,
  { keypair, signer, account }: Pick<ActionValues, 'keypair' | 'signer' | 'account'>,
): Sender {
  if (keypair !== undefined && signer === undefined && account === undefined)
    return { privateKey: readPrivateKey(keypair) };
  if (keypair === undefined && signer !== undefined && account !== undefined) {
    return { signer: { url: String(signer), account: `0x${account}` } };
  }
  throw new ConfigError(program, ['say who signs: --keypair, or --signer with --account']);
}

function toJson(transactions: readonly PreviewedTransaction[]) {
  return {
    transactions: transactions.map(({ what, to, nonce, valueWei, gas, feeWei }) => ({
      ...{ what, to: to ?? null, nonce, valueWei: valueWei.toString() },
      gas: gas === undefined ? null : gas.toString(),
      feeWei: feeWei === undefined ? null : feeWei.toString(),
    })),
  };
}

function describe(
  { does, chainId }: { readonly does: string; readonly chainId: number },
  transactions: readonly PreviewedTransaction[],
): string {
  const lines = transactions.map(({ what, to, nonce, valueWei, gas, feeWei }) => {
    const cost =
      gas === undefined || feeWei === undefined
        ? 'what it costs is known once the one before is mined'
        : `about ${gas} gas, at most ${formatTokens(feeWei)} of the chain's coin`;
    const then = gas === undefined ? 'then ' : '';
    return `  ${then}${what}, to ${to}: ${cost} (chain ${chainId}, nonce ${nonce}, value ${valueWei})\n`;
  });
  const what = transactions.length === 0 ? '  no transaction: there is nothing to do\n' : lines.join('');
  return `nothing was sent. It would: ${does}\n${what}`;
}
