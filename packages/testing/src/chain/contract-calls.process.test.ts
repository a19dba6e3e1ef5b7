import { defaultVoting } from '@ogong/chain/deploy/deploy';
import type { Deployment } from '@ogong/chain/deployment';
import * as generated from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { generatePrivateKey } from '@ogong/chain/keys';
import { UPTO_PROXY } from '@ogong/chain/money/permits';
import { PERMIT2 } from '@ogong/chain/money/signed-approvals';
import { ledgerAbi } from '@ogong/chain/transactor';
import { misroutingOf } from '@ogong/chain/validators/cases';
import { cosignersOf } from '@ogong/chain/validators/cosigners';
import { rosterOf } from '@ogong/chain/validators/roster';
import { type Abi, type AbiFunction, type AbiParameter, decodeErrorResult, encodeFunctionData } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLS } from './contract-calls.ts';
import { installPermits } from './dev-permits.ts';
import { startTestLedger, type TestLedger } from './test-ledger.ts';

const RULES = new Set(['boundedMint', 'documentMint']);
const abis = new Map(
  Object.entries(generated)
    .filter(([name]) => name.endsWith('Abi'))
    .map(([name, abi]) => [name.replace(/Abi$/, ''), abi as unknown as Abi]),
);
const changesOf = (abi: Abi): AbiFunction[] =>
  abi.filter(
    (item): item is AbiFunction => item.type === 'function' && !['view', 'pure'].includes(item.stateMutability),
  );

let ledgers: readonly TestLedger[] = [];
let strangers: readonly Address[] = [];

beforeAll(async () => {
  const start = BigInt(Math.floor(Date.now() / 3_600_000) * 3_600);
  const origin = BigInt(Math.floor(Date.now() / 1_000) - 600);
  ledgers = await Promise.all([
    startTestLedger({
      issuance: { start, period: 86_400, lambda: 900_000 },
      ...{
        voting: defaultVoting,
        machines: true,
        pins: true,
        beacon: { origin, period: 60n },
        launchReserve: 10n ** 12n,
      },
    }),
    startTestLedger({ feedKeys: [generatePrivateKey()] }),
  ]);
  await installPermits(ledgers[0] as TestLedger);
  strangers = await Promise.all(ledgers.map(async (one) => (await one.createMember()).address));
});
afterAll(() => Promise.all(ledgers.map((one) => one.stop())));

/** Addresses of the contracts. The second network burns and mints. */
function findContract(name: string): readonly [ledger: number, address: Address] {
  const [first, second] = ledgers.map(({ deployment }) => deployment) as [Deployment, Deployment];
  const { credits, mintBurn, payouts, oracle, exchange, stable } = second.burnAndMint as NonNullable<
    Deployment['burnAndMint']
  >;
  const burning = { orog: second.token, credits, mintBurn, payouts, priceOracle: oracle };
  const market = { constantProductPool: exchange, devDollar: stable };
  const found = ({ ...burning, ...market } as Record<string, Address>)[name];
  if (found !== undefined) return [1, found];
  const { token, registry, models, machines, launch, ...rest } = first;
  const named: Record<string, unknown> = {
    ...rest,
    ogongToken: token,
    launchCurve: launch,
    validatorRegistry: registry,
    modelRegistry: models,
    machineRegistry: machines,
    roster: rosterOf(first),
    cosigners: cosignersOf(first),
    misrouting: misroutingOf(first),
    devPermit2: PERMIT2,
    devUptoProxy: UPTO_PROXY,
  };
  return [0, named[name] as Address];
}

function zeroOf(input: AbiParameter): unknown {
  const { type } = input;
  if (type.endsWith(']')) return [];
  if ('components' in input) return Object.fromEntries(input.components.map((one) => [one.name, zeroOf(one)]));
  if (type === 'address') return `0x${'00'.repeat(20)}`;
  if (type === 'bool') return false;
  if (type === 'string') return '';
  if (type === 'bytes') return '0x';
  const size = Number(/\d+$/.exec(type)?.[0] ?? 256);
  if (type.startsWith('bytes')) return `0x${'00'.repeat(size)}`;
  return size <= 48 ? 0 : 0n;
}

/** The contract's error name, or `done`. */
async function tryAs(name: string, call: AbiFunction, args: readonly unknown[]): Promise<string> {
  const [ledger, to] = findContract(name);
  const data = encodeFunctionData({ abi: [call], functionName: call.name, args });
  const { rpcUrl } = (ledgers[ledger] as TestLedger).chain;
  const params = [{ from: strangers[ledger], to, data }, 'latest'];
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_call', params });
  const response = await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const { error } = (await response.json()) as { error?: { data?: Hex; message: string } };
  if (error === undefined) return 'done';
  const abi: Abi = [...(abis.get(name) as Abi), ...(ledgerAbi as Abi)];
  // The contract refuses bytes that are too short without an error name.
  if (error.data === undefined || error.data === '0x') return error.message;
  return decodeErrorResult({ abi, data: error.data }).errorName;
}

describe('calls of the contracts by a stranger', () => {
  it('are listed for every function that changes state', () => {
    const listed = Object.fromEntries(
      Object.entries(CALLS).map(([name, { reserved, anybody }]) => [
        name,
        [...Object.keys(reserved), ...Object.keys(anybody)].sort(),
      ]),
    );
    const found = Object.fromEntries(
      [...abis]
        .filter(([name]) => !RULES.has(name))
        .map(([name, abi]) => [
          name,
          changesOf(abi)
            .map((one) => one.name)
            .sort(),
        ]),
    );
    expect(listed).toEqual(found);
    for (const name of RULES) expect(changesOf(abis.get(name) as Abi)).toEqual([]);
  });

  it.each(
    Object.entries(CALLS).flatMap(([name, { reserved }]) =>
      Object.entries(reserved).map(([call, row]) => [name, call, row] as const),
    ),
  )('%s.%s is for another one alone, and says so', async (name, functionName, { answer, args }) => {
    const call = changesOf(abis.get(name) as Abi).find((one) => one.name === functionName) as AbiFunction;
    expect(await tryAs(name, call, args ?? call.inputs.map(zeroOf))).toBe(answer);
  });

  it('change nothing where anybody may call but the stranger owns nothing, and each refusal has a reason', async () => {
    // Errors that name their caller, and the other reserved errors of the table.
    const refusals = new Set([
      ...[...abis.values()]
        .flat()
        .flatMap((item) =>
          item.type === 'error' && item.inputs.some(({ name }) => name === 'caller') ? item.name : [],
        ),
      ...Object.values(CALLS).flatMap(({ reserved }) => Object.values(reserved).map(({ answer }) => answer)),
    ]);
    const expected: Record<string, string> = {};
    const found: Record<string, string> = {};
    for (const [name, { anybody }] of Object.entries(CALLS)) {
      for (const call of changesOf(abis.get(name) as Abi).filter((one) => one.name in anybody)) {
        expected[`${name}.${call.name}`] = anybody[call.name]?.[1] ?? '';
        found[`${name}.${call.name}`] = await tryAs(name, call, call.inputs.map(zeroOf));
      }
    }
    // A function that checks its caller belongs into `reserved`.
    expect(Object.entries(expected).filter(([, answer]) => refusals.has(answer))).toEqual([]);
    // A call that succeeds changes only the caller's own state, or nothing.
    expect(found).toEqual(expected);
  });
});
