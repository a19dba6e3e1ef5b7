import { decodeFunctionData } from 'viem';
import { ChainError } from '../errors.ts';
import { settlementAbi } from '../generated/abi.ts';
import { type Address, type Hex, lowerHex } from '../hex.ts';
import { lengthen } from './settle-call.ts';

/** A settlement as it stands in the calldata of its transaction, quorum included; hex in lower case. */
export interface DecodedSettle {
  readonly batch: {
    readonly validator: Address;
    readonly sequence: bigint;
    readonly logHead: Hex;
    readonly logLength: bigint;
    readonly recordsRoot: Hex;
    readonly replies: number;
  };
  readonly debits: readonly {
    readonly payer: Address;
    readonly amount: bigint;
    readonly cumulative: bigint;
    readonly termsHash: Hex;
    readonly signature: Hex;
  }[];
  readonly lines: readonly {
    readonly providerId: Hex;
    readonly payee: Address;
    readonly router: Address;
    readonly gross: bigint;
    readonly fine: bigint;
    readonly modelRoot: Hex;
  }[];
  readonly ejections: readonly Hex[];
  readonly tallies: readonly { readonly payee: Address; readonly credits: number; readonly refuted: number }[];
  readonly quorum: readonly Hex[];
}

/** The inverse of encodeSettle. @throws ChainError 'bad-input' where the calldata is another call's. */
export function decodeSettle(calldata: Hex): DecodedSettle {
  try {
    const { functionName, args } = decodeFunctionData({ abi: settlementAbi, data: calldata });
    if (functionName === 'settle') {
      const [batch, debits, lines, ejections, tallies, quorum] = lowerHex(args);
      const signed = debits.map(({ r, vs, ...debit }) => ({ ...debit, signature: lengthen({ r, vs }) }));
      return { batch, debits: signed, lines, ejections, tallies, quorum };
    }
    throw new TypeError(`the call is ${functionName}`);
  } catch (cause) {
    throw new ChainError('bad-input', 'this is not the calldata of a settlement', { cause });
  }
}
