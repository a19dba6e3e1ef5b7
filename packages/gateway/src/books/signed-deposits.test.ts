import { ChainError, type ChainErrorCode } from '@ogong/chain/errors';
import type { Hex } from '@ogong/chain/hex';
import { createSqlitePlace, type OpenBooks, type TestBooksPlace } from '@ogong/testing/gateway/books-place';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { listSignedDeposits, type SigningChain, sendSignedDeposits } from './signed-deposits.ts';

const hex = (length: number, byte: number): Hex => `0x${byte.toString(16).padStart(2, '0').repeat(length)}`;

let place: TestBooksPlace;
let opened: OpenBooks;
beforeEach(async () => {
  place = await createSqlitePlace();
  opened = await place.open();
  const columns =
    'payer, nonce, account, recipient, amount, valid_after, valid_before, signature, actor, state, made_ms';
  const row = [hex(20, 1), hex(32, 2), 'acme', hex(20, 3), '5', 0n, 1_000n, hex(65, 4), 'acme/olga', 'pending', 1];
  await opened.books.write(function* () {
    yield {
      sql: `INSERT INTO signed_deposits (${columns}) VALUES (${row.map(() => '?').join(', ')})`,
      parameters: row,
    };
  });
});
afterEach(async () => {
  await opened.close();
  await place.remove();
});

/** @param fails the error of sending; undefined if the chain accepts it. */
async function send(fails?: ChainErrorCode, isSpent = false): Promise<string[]> {
  let wasTried = false;
  const chain = {
    balanceOf: async () => 5n,
    chainTime: async () => 10n,
    isAuthorizationSpent: async () => wasTried && isSpent,
    transferByAuthorization: async () => {
      wasTried = true;
      if (fails !== undefined) throw new ChainError(fails, `it fails: ${fails}`);
    },
  };
  await sendSignedDeposits(opened.books, chain as unknown as SigningChain, () => {});
  expect(wasTried).toBe(true);
  return (await opened.books.read(() => listSignedDeposits(undefined))).map(({ state }) => state);
}

it.each<ChainErrorCode>(['no-coin', 'timeout', 'rpc-unreachable', 'too-costly'])(
  'is sent again where it was not refused: %s',
  async (code) => {
    expect(await send(code)).toEqual(['pending']);
    expect(await send()).toEqual(['sent']);
  },
);

it.each([
  [false, 'failed'],
  [true, 'sent'],
] as const)('that the token refuses ends, by whether its nonce is used: %s', async (isSpent, state) => {
  expect(await send('reverted', isSpent)).toEqual([state]);
});
