import * as abis from '@ogong/chain/generated/abi';
import { describe, expect, it } from 'vitest';
import { readPowersPage, readPowersTable } from './powers-page.ts';

/** Contracts that no network with money has. */
const ELSEWHERE = new Set([
  ...['DevDollar', 'DevPermit2', 'DevUptoProxy', 'ConstantProductPool', 'BoundedMint', 'DocumentMint'],
]);

interface Fragment {
  readonly type: string;
  readonly name?: string;
  readonly stateMutability?: string;
}

/** Each function that may change state, as `Contract.function`. */
function listCalls(): string[] {
  return Object.entries(abis).flatMap(([name, value]) => {
    if (!name.endsWith('Abi')) return [];
    const contract = name.charAt(0).toUpperCase() + name.slice(1, -'Abi'.length);
    if (ELSEWHERE.has(contract)) return [];
    const changes = (value as unknown as readonly Fragment[]).filter(
      ({ type, stateMutability }) => type === 'function' && !['view', 'pure'].includes(stateMutability ?? ''),
    );
    return [...new Set(changes.map((one) => `${contract}.${one.name}`))];
  });
}

describe('the page of powers', () => {
  const listed = readPowersTable(readPowersPage());

  it('names every state-changing call of every contract once, and no other', () => {
    expect(listed.map(({ call }) => call).sort()).toEqual(listCalls().sort());
  });

  it('leaves an owner to two contracts alone, with nothing that moves money', () => {
    const owned = listed.filter(({ who }) => who.includes('owner')).map(({ call }) => call.split('.')[0]);
    expect([...new Set(owned)]).toEqual(['Parameters', 'PriceOracle']);
  });

  it('lets the guardian close entries, but no exit', () => {
    const guarded = listed.filter(({ who }) => who.includes('guardian')).map(({ call }) => call);
    expect(guarded).toEqual(['Parameters.pauseEntry', 'Parameters.openEntry']);
  });

  it('lacks no row: a removed row is found', () => {
    const page = readPowersPage();
    const without = readPowersTable(page.replace('| collect, forfeit, withdraw |', '| collect, forfeit |'));
    expect(without).toHaveLength(listed.length - 1);
  });
});
