import { expect, it } from 'vitest';
import { toHex } from '../base/bytes.ts';
import { hashRecord } from '../commitment/record.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { NO_DEMANDS } from '../modality/demands.ts';
import { VERDICTS } from '../settlement/verdict-log.ts';
import { isPaidFor } from './reply-fee.ts';
import { checkJudgedRecord } from './reported-verdict.ts';

const strict = { demands: { ...NO_DEMANDS, acceptedOnly: true } };
const usual = { demands: NO_DEMANDS };

it('doubt is paid unless the request says that only accepted replies are', () => {
  expect(VERDICTS.filter((verdict) => isPaidFor(verdict, usual))).toEqual(['accept', 'inconclusive', 'unaudited']);
  expect(VERDICTS.filter((verdict) => isPaidFor(verdict, strict))).toEqual(['accept', 'unaudited']);
});

it('a reader of such a receipt expects no fee for doubt', () => {
  const record = Uint8Array.of(1, 2, 3);
  const status = { verdict: 'inconclusive', record_hash: toHex(hashRecord(crypto, record)), fee_atomic: '7' };
  const judge = (request: typeof strict, fee = status.fee_atomic) =>
    checkJudgedRecord(crypto, { ...status, fee_atomic: fee }, { record, feeAtomic: 7n, request }).status;
  expect([judge(usual), judge(strict), judge(strict, '0')]).toEqual(['pass', 'fail', 'pass']);
});
