import type { ChainClient } from '@ogong/chain/client';
import type { Deployment } from '@ogong/chain/deployment';
import { ChainError } from '@ogong/chain/errors';
import { createWrites } from '@ogong/chain/ledger-writes';
import { createPreview, type PreviewedTransaction } from '@ogong/chain/preview';
import type { Transactor } from '@ogong/chain/transactor';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { boolean, hex, httpUrl, text } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { openLedger, readPrivateKey, type Sender } from '../open-ledger.ts';
import {
  assertUnit,
  createFormat,
  formatTokens,
  priceField,
  type ShowAmount,
  unitsOf,
  type WrittenAmount,
} from './amount.ts';
import { explainRefusal } from './explain-refusal.ts';

type Writes = ReturnType<typeof createWrites>;

/** Flags of every command that moves money. */
export const actionFields = {
  ...chainFields,
  keypair: {
    schema: text,
    label: '<path>',
    env: 'OGONG_KEYPAIR',
    replaces: ['signer', 'account'],
    description: "file with the account's key, as hexadecimal digits; it signs and pays for the transactions",
  },
  signer: {
    schema: httpUrl,
    env: 'OGONG_WALLET_SIGNER',
    replaces: ['keypair'],
    description:
      'in place of --keypair: a signer that answers eth_signTransaction or eth_sendTransaction, such as the bridge of a hardware wallet, or a wallet; with --account',
  },
  account: {
    schema: hex(20),
    env: 'OGONG_WALLET_ACCOUNT',
    replaces: ['keypair'],
    description: 'the account that --signer signs for, without 0x',
  },
  dryRun: {
    schema: boolean,
    boolean: true,
    description: 'send nothing: show the transactions and their cost, or the reason of a refusal',
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

/** The account that acts; in a dry run nothing that it sends is mined. */
export type ActingClient = ChainClient & {
  readonly address: `0x${string}`;
  readonly isDry: boolean;
  readonly format: ShowAmount;
  /** The same account, in the contracts of another deployment on the same chain. */
  readonly writesTo: (deployment: Deployment) => Writes;
};

export interface Action {
  /** The action, as a sentence without its end. It uses the units of the network if it has amounts. */
  readonly does: string | ((units: ReturnType<typeof unitsOf> & { readonly format: ShowAmount }) => string);
  /** Amounts of flags. Each is in the network's token or in the payers' means of payment. */
  readonly amounts?: readonly {
    readonly flag: string;
    readonly amount: WrittenAmount;
    readonly is: 'token' | 'paid';
    /** The account has to have it, in its wallet. */
    readonly isTaken?: boolean;
  }[];
  /** Further fields of the JSON, once it is done. Amounts are text. */
  readonly fields?: () => Readonly<Record<string, unknown>>;
  run(writes: Writes, client: ActingClient): Promise<unknown>;
}

/** Does it, or shows the plan. @throws ChainError if the chain refuses, in both cases */
export async function act(program: string, values: ActionValues, output: Output, action: Action): Promise<number> {
  const { keypair, signer, account, price, dryRun = false, json = false, ...where } = values;
  const client = await openLedger(program, where, readSender(program, { keypair, signer, account }));
  const { address } = client;
  if (address === undefined) throw new TypeError('a client with a key has an address');
  const units = unitsOf(client.deployment);
  const preview = createPreview(client.transactor);
  const sent: { readonly what: string; readonly hash: string }[] = [];
  const send: Transactor['send'] = async (what, ...call) => {
    const receipt = await client.transactor.send(what, ...call);
    sent.push({ what, hash: receipt.transactionHash });
    return receipt;
  };
  const transactor = { ...client.transactor, send: dryRun ? preview.send : send };
  const format = createFormat(price);
  const { does: said } = action;
  const does = typeof said === 'string' ? said : said({ ...units, format });
  // Exact approvals: an account agrees to the requested amount only.
  const open = (deployment: Deployment) => createWrites(transactor, deployment, 'exact');
  await assertAmounts(program, { ...client, address, format }, action.amounts);
  try {
    await action.run(open(client.deployment), { ...client, address, isDry: dryRun, format, writesTo: open });
  } catch (error) {
    throw explainRefusal(error, { ...units, does, format });
  }
  const { chainId, token } = client.deployment;
  if (json) {
    const transactions = dryRun ? { chainId, ...toJson(preview.transactions) } : { transactions: sent };
    printJson(output, { account: address, does, dryRun, ...action.fields?.(), ...transactions });
  } else if (dryRun) {
    output.write(describe({ does, chainId }, preview.transactions, { address: token, unit: units.token }));
  } else output.write(sent.length === 0 ? `nothing was sent, there is nothing to do: ${does}\n` : `done: ${does}\n`);
  if (dryRun) await assertCoin({ ...client, address }, preview.transactions);
  return EXIT.ok;
}

/** Before anything is sent, an approval least of all. @throws ConfigError */
async function assertAmounts(
  program: string,
  client: Pick<ActingClient, 'address' | 'format' | 'deployment' | 'balanceOf' | 'paymentBalanceOf'>,
  amounts: Action['amounts'] = [],
): Promise<void> {
  const units = unitsOf(client.deployment);
  for (const { is, isTaken, ...written } of amounts) {
    assertUnit(program, written, units[is]);
    if (!isTaken) continue;
    const { address, format } = client;
    const has = await (is === 'paid' ? client.paymentBalanceOf(address) : client.balanceOf(address));
    if (has >= written.amount.atomic) continue;
    const [own, wanted] = [has, written.amount.atomic].map((one) => format(one, units[is]));
    const then = 'lower the amount, or bring more to this account first';
    throw new ConfigError(program, [`--${written.flag}: ${address} has ${own}, not ${wanted}; ${then}`]);
  }
}

/** Fails if a dry run would fail for want of the chain's coin. @throws ChainError */
async function assertCoin(
  { address, transactor }: Pick<ActingClient, 'address' | 'transactor'>,
  transactions: readonly PreviewedTransaction[],
): Promise<void> {
  const feeWei = transactions.reduce((sum, one) => sum + (one.feeWei ?? 0n), 0n);
  const hasWei = await transactor.read('coin', (client) => client.getBalance({ address }));
  if (hasWei >= feeWei) return;
  const lack = `it has ${formatTokens(hasWei)} of the chain's coin, and this takes up to ${formatTokens(feeWei)}`;
  throw new ChainError('no-coin', `${address} cannot pay for it: ${lack}; send it some first`);
}

/** @throws ConfigError unless there is a key, or a signer with its account. */
export function readSender(
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
    transactions: transactions.map(({ what, to, nonce, valueWei, approval, gas, feeWei }) => ({
      ...{ what, to: to ?? null, nonce, valueWei: valueWei.toString() },
      ...(approval && { approval: { ...approval, amount: approval.amount.toString() } }),
      gas: gas === undefined ? null : gas.toString(),
      feeWei: feeWei === undefined ? null : feeWei.toString(),
    })),
  };
}

function describe(
  { does, chainId }: { readonly does: string; readonly chainId: number },
  transactions: readonly PreviewedTransaction[],
  token: NamedToken,
): string {
  const lines = transactions.map(({ what, to, nonce, valueWei, approval, gas, feeWei }) => {
    const cost =
      gas === undefined || feeWei === undefined
        ? 'its cost is known once the transaction before it is mined'
        : `about ${gas} gas, at most ${formatTokens(feeWei)} of the chain's coin`;
    const then = gas === undefined ? 'then ' : '';
    const lets = approval === undefined ? '' : describeApproval(approval, to === token.address ? token : undefined);
    return `  ${then}${what}, to ${to}: ${cost} (chain ${chainId}, nonce ${nonce}, value ${valueWei})${lets}\n`;
  });
  const what = transactions.length === 0 ? '  no transaction: there is nothing to do\n' : lines.join('');
  return `nothing was sent. It would: ${does}\n${what}`;
}

interface NamedToken {
  readonly address: string;
  readonly unit: string;
}

/** @param token undefined for another token, whose decimals are unknown here. */
function describeApproval(
  { spender, amount }: NonNullable<PreviewedTransaction['approval']>,
  token: NamedToken | undefined,
): string {
  const most = token === undefined ? `${amount} atomic units of it` : `${formatTokens(amount)} ${token.unit}`;
  return `; it lets ${spender} take ${most}, and no more`;
}
