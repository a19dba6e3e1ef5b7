import {
  casesAbi,
  cosignersAbi,
  earningsAbi,
  emissionAbi,
  escrowAbi,
  hearingsAbi,
  ogongTokenAbi,
  parametersAbi,
  settlementAbi,
  stakingAbi,
} from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { encodeSettle } from '@ogong/chain/settlement/settle-call';
import { nameSubject } from '@ogong/chain/validators/cases';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashVoucher } from '@ogong/protocol/exchange/order';
import { hashMachineEjection } from '@ogong/protocol/machine/machine-ejection';
import { hashSettlement } from '@ogong/protocol/settlement/batch';
import { hashAcquittal, hashConviction } from '@ogong/protocol/settlement/conviction';
import { computeEmissionProof, computeEmissionRoot, hashAllotment } from '@ogong/protocol/settlement/emission';
import { hashPardon } from '@ogong/protocol/settlement/pardon';
import { hashReinstatement } from '@ogong/protocol/settlement/reinstatement';
import { encodeFunctionData } from 'viem';
import { type AppealDeed, nameAppeal } from './appeal-book.ts';
import type { BookedUnits } from './emission-book.ts';
import type { BookedSettlement, MoneyDeed } from './money-book.ts';
import { bytes, type MoneyWorld } from './money-world.ts';
import { termsHash } from './test-ledger.ts';

/** Statements that the contract of cases accepts. */
const REFUTED_REPORT = 5;
const TICKET_KEY: Hex = `0x${'5c'.repeat(32)}`;

const toEntries = (entries: readonly BookedUnits[]) =>
  entries.map(({ account, units }) => ({ account: bytes(account), units }));

/** Writes actions as calls of the contracts, with all signatures. */
export function createMoneyEncoder(world: MoneyWorld): (deed: MoneyDeed) => readonly [to: Address, data: Hex] {
  const { ledger, rules, payers, validators, delegates, delegateAccounts, roster } = world;
  const { chainId, escrow, settlement, earnings, staking, token, hearings, parameters } = ledger.deployment;
  const { cases } = rules.offences as { cases: Address };
  const { emission } = rules.emission as { emission: Address };
  const domainOf = (contract: string) => ({ chainId: BigInt(chainId), verifyingContract: bytes(contract) });

  /** Signs as the payer or as a delegate. */
  function signVoucher(voucher: { payer: string; cumulative: bigint; signer: string }, validator: string): Uint8Array {
    const { payer, cumulative, signer } = voucher;
    const key = delegates[delegateAccounts.indexOf(signer as Address)] ?? keyOf(signer);
    const signed = { payer: bytes(payer), validator: bytes(validator), cumulativeAtomic: cumulative };
    const digest = hashVoucher(crypto, domainOf(escrow), signed, bytes(termsHash));
    return createNodeLedgerSigner(bytes(key)).signDigest(digest);
  }

  function encodeSettlement(booked: BookedSettlement): Hex {
    const { validator, sequence } = booked;
    const word = new Uint8Array(32).fill(7);
    const batch = {
      ...{ validator: bytes(validator), sequence, logHead: word, logLength: 0n, recordsRoot: word, replies: 1 },
    };
    const debits = booked.debits.map((debit) => {
      const signature = signVoucher(debit, validator);
      const { payer, amount, cumulative } = debit;
      return { payer: bytes(payer), amount, cumulative, termsHash: bytes(termsHash), signature };
    });
    const lines = booked.lines.map((line) => ({
      ...line,
      ...{ providerId: bytes(line.providerId), payee: bytes(line.payee), router: bytes(line.router) },
      modelRoot: bytes(line.modelRoot),
    }));
    const ejections = booked.ejections.map(bytes);
    const tallies = booked.tallies.map(({ payee, ...rest }) => ({ payee: bytes(payee), ...rest }));
    const digest = hashSettlement(crypto, domainOf(settlement), { batch, debits, lines, ejections, tallies });
    const signers = booked.signed?.votes.map(([account]) => account) ?? [];
    return encodeSettle({ batch, debits, lines, ejections, tallies, quorum: signBy(signers, digest) });
  }

  function keyOf(who: string): Hex {
    return payers.find(({ address }) => address === who)?.privateKey as Hex;
  }

  function signBy(signers: readonly string[], digest: Uint8Array): Hex[] {
    return validators
      .filter(({ address }) => signers.includes(address))
      .sort((a, b) => (a.address < b.address ? -1 : 1))
      .map(({ privateKey }): Hex => `0x${toHex(createNodeLedgerSigner(bytes(privateKey)).signDigest(digest))}`);
  }

  /** Actions that take stake, return it, or pay emission. */
  function encodeJudgement(deed: MoneyDeed): readonly [to: Address, data: Hex] {
    const inCases = (functionName: string, args: readonly unknown[]) =>
      [cases, encodeFunctionData({ abi: casesAbi, functionName, args } as never)] as const;
    switch (deed.kind) {
      case 'pardon': {
        const { payee, penalty, signers } = deed;
        const digest = hashPardon(crypto, domainOf(settlement), { payee: bytes(payee), penalty });
        const args = [payee as Address, signBy(signers, digest)] as const;
        return [settlement, encodeFunctionData({ abi: settlementAbi, functionName: 'pardon', args })];
      }
      case 'convict': {
        const { accused, reporter, evidence: shown, conviction, signers } = deed;
        const named = { accused: bytes(accused), reporter: bytes(reporter), evidence: bytes(shown), conviction };
        const digest = hashConviction(crypto, domainOf(cases), { offence: 'refuted-report', ...named });
        return inCases('convict', [REFUTED_REPORT, accused, reporter, shown, signBy(signers, digest)]);
      }
      case 'drawPanel': {
        const args = [nameSubject({ case: deed.id })] as const;
        return [hearings, encodeFunctionData({ abi: hearingsAbi, functionName: 'draw', args })];
      }
      case 'acquit': {
        const digest = hashAcquittal(crypto, domainOf(hearings), bytes(nameSubject({ case: deed.id })));
        return inCases('acquit', [BigInt(deed.id), signBy(deed.signers, digest)]);
      }
      case 'appeal':
      case 'close':
        return inCases(deed.kind, [BigInt(deed.id)]);
      case 'allot': {
        const { number, until, entries, signers } = deed;
        const units = entries.reduce((sum, one) => sum + one.units, 0n);
        const root = computeEmissionRoot(crypto, toEntries(entries));
        const digest = hashAllotment(crypto, domainOf(emission), { number, until, root, units });
        const args = [until, `0x${toHex(root)}`, units, signBy(signers, digest)] as const;
        return [emission, encodeFunctionData({ abi: emissionAbi, functionName: 'allot', args } as never)];
      }
      case 'emission': {
        const { number, entries, place } = deed;
        const { account, units } = entries[place] as BookedUnits;
        const proof = computeEmissionProof(crypto, toEntries(entries), place).map((one) => `0x${toHex(one)}`);
        const args = [number, account, units, proof];
        return [emission, encodeFunctionData({ abi: emissionAbi, functionName: 'claim', args } as never)];
      }
      default:
        throw new TypeError(deed.kind);
    }
  }

  /** Ejections, appeals with a deposit, and votes of panels. */
  function encodeAppeal(deed: AppealDeed): readonly [to: Address, data: Hex] {
    const inCases = (functionName: string, args: readonly unknown[]) =>
      [cases, encodeFunctionData({ abi: casesAbi, functionName, args } as never)] as const;
    const inSettlement = (functionName: string, args: readonly unknown[]) =>
      [settlement, encodeFunctionData({ abi: settlementAbi, functionName, args } as never)] as const;
    switch (deed.kind) {
      case 'ask': {
        const names = { ejection: 'appealEjection', penalty: 'appealPenalty', vesting: 'requestFreeze' };
        return inCases(names[deed.against], [deed.about]);
      }
      case 'lift': {
        const { against, about, number, appealed, signers } = deed;
        const votes = signBy(signers, hashAcquittal(crypto, domainOf(hearings), bytes(nameAppeal(deed))));
        const names = { ejection: 'reinstate', penalty: 'pardon', vesting: 'freeze' };
        const named = { ejection: [about], penalty: [about, appealed], vesting: [about, BigInt(number)] };
        return inCases(names[against], [...named[against], votes]);
      }
      case 'drawSeats': {
        const args = [deed.subject as Hex] as const;
        return [hearings, encodeFunctionData({ abi: hearingsAbi, functionName: 'draw', args })];
      }
      case 'forfeitDeposit':
        return inCases('forfeit', [deed.subject]);
      case 'reinstate': {
        const { providerId, number, signers } = deed;
        const named = { providerId: bytes(providerId), ejection: number };
        const digest = hashReinstatement(crypto, domainOf(settlement), named);
        return inSettlement('reinstate', [providerId, signBy(signers, digest)]);
      }
      case 'ejectMachine': {
        const { providerId, number, evidence: shown, signers } = deed;
        const named = { providerId: bytes(providerId), evidence: bytes(shown), ejection: number };
        const digest = hashMachineEjection(crypto, domainOf(settlement), named);
        return inSettlement('ejectForMachine', [providerId, shown, signBy(signers, digest)]);
      }
    }
  }

  function encodeDeed(deed: MoneyDeed): readonly [to: Address, data: Hex] {
    const inEscrow = (functionName: string, args: readonly unknown[]) =>
      [escrow, encodeFunctionData({ abi: escrowAbi, functionName, args } as never)] as const;
    const inEarnings = (functionName: string, args: readonly unknown[]) =>
      [earnings, encodeFunctionData({ abi: earningsAbi, functionName, args } as never)] as const;
    const inStaking = (functionName: string, args: readonly unknown[]) =>
      [staking, encodeFunctionData({ abi: stakingAbi, functionName, args } as never)] as const;
    switch (deed.kind) {
      case 'deposit':
      case 'withdraw':
        return inEscrow(deed.kind, [deed.amount]);
      case 'admit':
        return inEscrow('admit', [deed.to, deed.amount]);
      case 'request':
        return inEscrow('requestRelease', [deed.to, deed.amount]);
      case 'lien': {
        const signature = `0x${toHex(signVoucher(deed, deed.to))}`;
        return inEscrow('takeLien', [deed.payer, deed.to, deed.cumulative, termsHash, signature]);
      }
      case 'finish':
        return inEscrow('finishRelease', [deed.to]);
      case 'transfer': {
        const args = [deed.to as Address, deed.amount] as const;
        return [token, encodeFunctionData({ abi: ogongTokenAbi, functionName: 'transfer', args })];
      }
      case 'pause':
      case 'open': {
        const functionName = deed.kind === 'pause' ? 'pauseEntry' : 'openEntry';
        return [parameters, encodeFunctionData({ abi: parametersAbi, functionName })];
      }
      case 'beRouter':
        return inStaking('registerRouter', [TICKET_KEY]);
      case 'retireRouter':
        return inStaking('retireRouter', [deed.router]);
      case 'ask':
      case 'lift':
      case 'drawSeats':
      case 'forfeitDeposit':
      case 'reinstate':
      case 'ejectMachine':
        return encodeAppeal(deed);
      case 'claim':
        return inEscrow('claim', []);
      case 'earnings':
        return inEarnings('withdraw', [deed.providerId, deed.payee]);
      case 'collect':
      case 'forfeit':
        return inEarnings(deed.kind, [deed.providerId, deed.payee]);
      case 'prioritize':
        return inStaking('prioritize', [deed.amount]);
      case 'deprioritize':
        return inStaking('requestDeprioritize', [deed.amount]);
      case 'finishPriority':
        return inStaking('finishDeprioritize', []);
      case 'bondKey':
        return inEarnings('bond', [deed.providerId, deed.amount]);
      case 'unbondKey':
        return inEarnings('requestUnbond', [deed.providerId, deed.amount]);
      case 'finishKey':
        return inEarnings('finishUnbond', [deed.providerId]);
      case 'cosigned': {
        const places = validators.map(({ address }) => address).sort();
        const part = { roster, day: Number(deed.day), member: places.indexOf(deed.account as Address) };
        return [
          rules.cosigners as Address,
          encodeFunctionData({ abi: cosignersAbi, functionName: 'claim', args: [[part]] }),
        ];
      }
      case 'settle':
        return [settlement, encodeSettlement(deed.settlement)];
      case 'stake':
        return inStaking('stake', [deed.amount]);
      case 'unstake':
        return inStaking('requestUnstake', [deed.amount]);
      case 'finishUnstake':
        return inStaking('finishUnstake', []);
      case 'collectPenalty':
        return inStaking('collectPenalty', [deed.payee]);
      case 'allowKey':
        return inEscrow('allowKey', [deed.payer, deed.to, deed.key, deed.limit, '0x']);
      default:
        return encodeJudgement(deed);
    }
  }

  return encodeDeed;
}
