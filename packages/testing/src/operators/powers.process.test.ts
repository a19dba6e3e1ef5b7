import * as abis from '@ogong/chain/generated/abi';
import type { Address } from '@ogong/chain/hex';
import { type Abi, type AbiParameter, BaseError, ContractFunctionRevertedError } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestLedger, type TestLedger } from '../chain/test-ledger.ts';
import { readPowersPage, readPowersTable } from './powers-page.ts';

/** What a contract says to whoever is not the one that it takes a call from. */
const REFUSALS = /^(?:OwnableUnauthorizedAccount|Not[A-Z]\w*)$/;
const STRANGER: Address = '0x00000000000000000000000000000000000bad00';
const restricted = readPowersTable(readPowersPage()).filter(({ who }) => !['itself', 'anyone'].includes(who));

/** The least value of a type. */
function toNothing(parameter: AbiParameter): unknown {
  const { type } = parameter;
  if (type.endsWith('[]')) return [];
  if (type === 'tuple' && 'components' in parameter) {
    return Object.fromEntries(parameter.components.map((one) => [one.name, toNothing(one)]));
  }
  if (type === 'address') return '0x0000000000000000000000000000000000000000';
  if (type === 'bool') return false;
  if (type === 'string') return '';
  if (type.startsWith('bytes')) return `0x${'00'.repeat(Number(type.slice('bytes'.length) || 0))}`;
  return Number(type.replace(/\D/g, '')) > 48 ? 0n : 0;
}

describe('a stranger', () => {
  let ledger: TestLedger;
  beforeAll(async () => {
    const start = BigInt(Math.floor(Date.now() / 3_600_000) * 3_600);
    ledger = await startTestLedger({ issuance: { start, period: 86_400, lambda: 900_000 } });
  }, 60_000);
  afterAll(() => ledger.stop());

  it.each(
    restricted.filter(({ call }) => /^(?:Parameters|Staking|Settlement|Escrow|Earnings|Cases|Hearings)\./.test(call)),
  )('is refused $call, which is for $who', async ({ call }) => {
    const [contract = '', functionName = ''] = call.split('.');
    const name = contract.charAt(0).toLowerCase() + contract.slice(1);
    const abi = (abis as unknown as Record<string, Abi>)[`${name}Abi`] as Abi;
    const address = (ledger.deployment as unknown as Record<string, Address>)[name] as Address;
    const described = abi.find((one) => one.type === 'function' && one.name === functionName);
    const args = described?.type === 'function' ? described.inputs.map(toNothing) : [];
    const refusal = await ledger.governor.transactor.client
      .simulateContract({ address, abi, functionName, args, account: STRANGER })
      .then(
        () => 'taken',
        (error: unknown) => {
          const reverted =
            error instanceof BaseError && error.walk((one) => one instanceof ContractFunctionRevertedError);
          return reverted instanceof ContractFunctionRevertedError
            ? (reverted.data?.errorName ?? reverted.message)
            : String(error);
        },
      );
    expect(refusal).toMatch(REFUSALS);
  });
});
