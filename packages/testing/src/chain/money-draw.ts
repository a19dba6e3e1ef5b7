import type { Address, Hex } from '@ogong/chain/hex';
import { splitCohort } from '@ogong/protocol/settlement/cohort';
import { type Appealed, clockOf } from './appeal-book.ts';
import { stakeIn } from './booked-stake.ts';
import { type BookedUnits, countRecycled } from './emission-book.ts';
import type { createFlowDraw } from './flow-chain.ts';
import {
  type BookedSettlement,
  balanceIn,
  channelIn,
  forfeitIn,
  type MoneyBook,
  type MoneyDeed,
} from './money-book.ts';
import { APPEAL_S, type MoneyWorld, NOBODY, TALLY_S } from './money-world.ts';
import { isRouter } from './offence-book.ts';

export interface MoneyDrawOptions {
  readonly draws: ReturnType<typeof createFlowDraw>;
  /** Progress of the run, from 0 to 1. */
  progress(): number;
}

/**
 * Draws the next action: mostly one that the contracts perform, sometimes one that they refuse.
 * @returns a function of the model and the time of the last block
 */
export function createMoneyDraw(world: MoneyWorld, { draws, progress }: MoneyDrawOptions) {
  const { below, isDrawn, pick, part } = draws;
  const { rules, payers, validators, payees, delegateAccounts, wallets, votes, roster, providerIds, models } = world;
  const { guardian } = rules;
  let evidence = 0;
  let book: MoneyBook;
  /** Time of the last block. Draws use it, although they run later. */
  let lastNow = 0n;

  function drawDeed(): MoneyDeed {
    const payer = pick(payers).address;
    const to = pick(validators).address;
    const { releasing } = channelIn(book, payer, to);
    const free = book.free.get(payer) ?? 0n;
    // One in twenty asks for a unit more than there is.
    const more = isDrawn(0.05) ? 1n : 0n;
    const providerId = pick(providerIds);
    const payee = pick(payees).address;
    const due = isDrawn(0.2) ? listDue(payer) : [];
    if (due.length > 0) {
      const kind = pick([...new Set(due.map((deed) => deed.kind))]);
      return pick(due.filter((deed) => deed.kind === kind));
    }
    if (listHeard().length > 0 && isDrawn(0.2)) return drawHearing(to);
    if (book.appeals.deposits.size > 0 && isDrawn(0.15)) return drawAppeal(payer);
    switch (below(33)) {
      case 0:
        return { kind: 'deposit', from: payer, amount: part((book.tokens.get(payer) ?? 0n) / 4n) };
      case 1:
        return { kind: 'withdraw', from: payer, amount: more === 1n ? free + 1n : part(free / 2n) };
      case 2:
        return { kind: 'admit', from: payer, to, amount: more === 1n ? free + 1n : part(free) };
      case 3:
        return drawRequest(more);
      case 4:
        return { kind: releasing === 0n && more === 0n ? 'claim' : 'finish', from: payer, to };
      case 5:
        return { kind: 'claim', from: pick([...validators, ...payees]).address };
      case 6:
        return { kind: 'earnings', from: payer, providerId, payee };
      case 7:
        return { kind: 'collect', from: to, providerId, payee };
      case 8:
        return drawCosigned(payer) ?? { kind: 'claim', from: to };
      case 9:
        return drawPriority(payee, more);
      case 10:
      case 11:
        return drawKeyBond(payee, providerId, more);
      case 12:
      case 13:
        return drawStake(payee, more);
      case 14:
        return drawPenalty(payee);
      case 15:
        return drawConviction(to, payee);
      case 16:
      case 17:
        return drawHearing(to);
      case 18:
        return drawEmission(to);
      case 19:
        return drawKey();
      case 20:
      case 21:
        return drawAppeal(payer);
      case 22:
        return drawReinstatement(to);
      case 23:
        return drawRouter(payee);
      case 24:
        // Money that payers have paid returns to them.
        return {
          kind: 'transfer',
          from: pick([to, payee]),
          to: payer,
          amount: part(book.tokens.get(payee) ?? 0n) / 4n,
        };
      case 25:
        return drawPause(payer);
      case 26:
      case 27:
        return drawLien(to);
      default:
        return { kind: 'settle', from: to, settlement: drawSettlement(to) };
    }
  }

  /** Lists actions that had to wait and are due now. */
  function listDue(from: Address): readonly MoneyDeed[] {
    const isOut = ({ leaving, leavesAt }: { leaving: bigint; leavesAt: bigint }, now = lastNow): boolean =>
      leaving > 0n && leavesAt <= now;
    const appeal = BigInt(APPEAL_S);
    const ofPayees = payees.flatMap(({ address: payee }): readonly (MoneyDeed | false)[] => {
      const { amount: held = 0n, since = 0n } = book.offences.held.get(payee) ?? {};
      const ofKeys = providerIds.flatMap((providerId): readonly (MoneyDeed | false)[] => [
        forfeitIn(book, rules, [providerId, payee], lastNow) > 0n && { kind: 'forfeit', from, providerId, payee },
        isOut(stakeIn(book.keyBonds, `${providerId} ${payee}`), clockOf(book, providerId, lastNow)) && {
          ...{ kind: 'finishKey', from: payee, providerId },
        },
        balanceIn(book, rules, providerId, payee, lastNow).withdrawable > 0n && {
          ...{ kind: 'earnings', from, providerId, payee },
        },
      ]);
      return [
        ...ofKeys,
        isOut(stakeIn(book.priorities, payee)) && { kind: 'finishPriority', from: payee },
        isOut(stakeIn(book.offences.stakes, payee)) && { kind: 'finishUnstake', from: payee },
        held > 0n && since + appeal <= lastNow && { kind: 'collectPenalty', from, payee },
      ];
    });
    const closable = book.offences.cases.flatMap(({ isOver, openedAt }, id): readonly MoneyDeed[] =>
      !isOver && openedAt + appeal <= lastNow ? [{ kind: 'close', from, id }] : [],
    );
    const releasable = payers.flatMap(({ address: payer }) =>
      validators.flatMap(({ address: to }): readonly MoneyDeed[] => {
        const { releasing, releasableAt } = channelIn(book, payer, to);
        return releasing > 0n && releasableAt <= lastNow ? [{ kind: 'finish', from: payer, to }] : [];
      }),
    );
    const tallied =
      countRecycled(book.emission, lastNow) > 0n || book.emission.allotments.length > 0 ? [drawEmission(from)] : [];
    return [...ofPayees.filter((deed) => deed !== false), ...closable, ...releasable, ...tallied];
  }

  function drawPriority(from: Address, more: bigint): MoneyDeed {
    const { amount, leaving } = stakeIn(book.priorities, from);
    if (leaving > 0n && isDrawn(0.5)) return { kind: 'finishPriority', from };
    if (isDrawn(0.4)) return { kind: 'deprioritize', from, amount: part(amount) + more * amount };
    return { kind: 'prioritize', from, amount: part((book.tokens.get(from) ?? 0n) / 8n) };
  }

  /** Also for ejected keys, before and after the ejection is final. */
  function drawKeyBond(from: Address, providerId: Hex, more: bigint): MoneyDeed {
    const { amount, leaving } = stakeIn(book.keyBonds, `${providerId} ${from}`);
    if (book.ejected.has(providerId) && isDrawn(0.5)) return { kind: 'forfeit', from, providerId, payee: from };
    if (leaving > 0n && isDrawn(0.6)) return { kind: 'finishKey', from, providerId };
    if (isDrawn(0.4)) return { kind: 'unbondKey', from, providerId, amount: part(amount) + more * amount };
    return { kind: 'bondKey', from, providerId, amount: part((book.tokens.get(from) ?? 0n) / 8n) };
  }

  /** Of a payee of verifiers, whose refuted reports and cases cost it stake. */
  function drawStake(from: Address, more: bigint): MoneyDeed {
    const { amount, leaving } = stakeIn(book.offences.stakes, from);
    if (leaving > 0n && isDrawn(0.4)) return { kind: 'finishUnstake', from };
    if (isDrawn(0.25)) return { kind: 'unstake', from, amount: part(amount) / 2n + more * amount };
    return { kind: 'stake', from, amount: part((book.tokens.get(from) ?? 0n) / 8n) };
  }

  /** Mostly one that holds or returns money. */
  function pickChannel(what: 'admitted' | 'releasing') {
    const channels = payers.flatMap(({ address: payer }) =>
      validators.map(({ address: to }) => ({ payer, to, ...channelIn(book, payer, to) })),
    );
    const found = channels.filter((channel) => channel[what] > 0n);
    return pick(found.length > 0 && isDrawn(0.9) ? found : channels);
  }

  function drawRequest(more: bigint): MoneyDeed {
    const { payer, to, admitted, spent } = pickChannel('admitted');
    const left = admitted - spent;
    return { kind: 'request', from: payer, to, amount: part(left) / 2n + more * left };
  }

  /** Also if nothing is requested back, and for less than one earlier request. */
  function drawLien(from: Address): MoneyDeed {
    const { payer, to, admitted, spent } = pickChannel('releasing');
    // Most vouchers cover more than the request leaves.
    const cumulative = admitted - part(admitted - spent) / 4n;
    return { kind: 'lien', from, to, payer, cumulative, signer: drawSigner(payer, to, cumulative) };
  }

  function drawRouter(payee: Address): MoneyDeed {
    if (!isRouter(book.offences, payee, lastNow) || isDrawn(0.2)) return { kind: 'beRouter', from: payee };
    return { kind: 'retireRouter', from: isDrawn(0.7) ? payee : pick(payers).address, router: payee };
  }

  /** Drawn rarely, because a pause refuses actions for days. Sometimes another account tries. */
  function drawPause(from: Address): MoneyDeed {
    const by = isDrawn(0.8) ? guardian : from;
    if (lastNow < book.pausedUntil || isDrawn(0.4)) return { kind: 'open', from: by };
    return { kind: 'pause', from: by };
  }

  /** Ejections that may still be lifted. */
  const listEjectedLately = (): readonly string[] =>
    [...book.ejected].flatMap(([id, since]) => (lastNow < since + BigInt(APPEAL_S) ? [id] : []));

  /** Sometimes of an ejection that is not the last one. */
  function drawReinstatement(from: Address): MoneyDeed {
    const lately = listEjectedLately();
    const providerId = lately.length > 0 && isDrawn(0.8) ? pick(lately) : pick(providerIds);
    const number = (book.appeals.ejections.get(providerId) ?? 0) + (isDrawn(0.05) ? 1 : 0);
    const signers = drawSigners();
    if (isDrawn(0.7) && (book.ejected.has(providerId) || isDrawn(0.1))) {
      return { kind: 'reinstate', from, providerId, number, signers };
    }
    const shown = `0x${(++evidence).toString(16).padStart(64, '0')}`;
    const [accused] = listEjectable().slice(-1) as [Hex];
    const next = (book.appeals.ejections.get(accused) ?? 0) + (isDrawn(0.9) ? 1 : 2);
    return { kind: 'ejectMachine', from, providerId: accused, number: next, evidence: shown, signers };
  }

  /** Draws the next step of an appeal with a deposit, or a new appeal; sometimes a step that is not due. */
  function drawAppeal(from: Address): MoneyDeed {
    const { deposits, hearings: heard } = book.appeals;
    const found = [...deposits].map(([subject, deposit]) => ({ subject, ...deposit }));
    const due = found.filter(({ until }) => until <= lastNow);
    if (due.length > 0 && isDrawn(0.5)) return { kind: 'forfeitDeposit', from, subject: pick(due).subject };
    const open = found.filter(({ until }) => until > lastNow);
    if (open.length > 0 && isDrawn(0.8)) {
      const { subject, against, about, number } = pick(open);
      if (isDrawn(0.05)) return { kind: 'forfeitDeposit', from, subject };
      // No panel is drawn for every third appeal.
      const isHeard = heard.get(subject)?.hasPanel === true;
      if (!isHeard && isDrawn(0.7)) return { kind: 'drawSeats', from, subject };
      // The panel of an earlier penalty has heard the last one.
      const seen = against === 'penalty' ? (book.offences.held.get(about)?.count ?? number) : number;
      const said = { number: seen + (isDrawn(0.05) ? 1 : 0), appealed: number };
      return { kind: 'lift', from, against, about, ...said, signers: drawSigners() };
    }
    const held = [...book.offences.held].filter(([, { amount }]) => amount > 0n).map(([payee]) => payee);
    const asked: readonly (readonly [Appealed['against'], readonly string[]])[] = [
      ['ejection', isDrawn(0.1) ? [...book.ejected.keys()] : listEjectedLately()],
      ['penalty', held],
      ['vesting', isDrawn(0.08) ? providerIds.slice(0, 2) : []],
    ];
    const decided = asked.flatMap(([against, list]) => list.map((about) => ({ against, about })));
    const nothing = { against: 'penalty', about: pick(payees).address } as const;
    return { kind: 'ask', from, ...(decided.length > 0 && isDrawn(0.95) ? pick(decided) : nothing) };
  }

  /**
   * The last provider stays. In a long run the others become subject to ejection one by one, so that some remain to its end.
   * All but the first have a bond, which they may forfeit: an ejected key has none.
   */
  function listEjectable(): readonly Hex[] {
    const part = Math.floor(progress() * (providerIds.length - 3));
    const isBonded = (id: Hex) => payees.some(({ address }) => stakeIn(book.keyBonds, `${id} ${address}`).amount > 0n);
    return providerIds.slice(0, Math.min(2 + part, providerIds.length - 1)).filter((id, i) => i === 0 || isBonded(id));
  }

  /** All validators, all but the one that a quorum needs least, or all but one that it needs. */
  function drawSigners(): readonly Address[] {
    const absent = isDrawn(0.4) ? validators[0] : isDrawn(0.1) ? pick(validators) : undefined;
    return validators.filter((one) => one !== absent).map(({ address }) => address);
  }

  /** Also if nothing is held, too late, and for a penalty that was followed by another. */
  function drawPenalty(payee: Address): MoneyDeed {
    const { count = 0, since = 0n } = book.offences.held.get(payee) ?? {};
    const isFinal = since + BigInt(APPEAL_S) <= lastNow;
    if (isDrawn(isFinal ? 0.8 : 0.1)) return { kind: 'collectPenalty', from: pick(payers).address, payee };
    const penalty = isDrawn(0.9) ? count : count + 1;
    return { kind: 'pardon', from: pick(validators).address, payee, penalty, signers: drawSigners() };
  }

  /** Also twice a day, with evidence that convicted before, and with a wrong number. */
  function drawConviction(from: Address, accused: Address): MoneyDeed {
    const { count = 0 } = book.offences.convictions.get(accused) ?? {};
    const shown = isDrawn(0.9) ? ++evidence : 1;
    return {
      ...{ kind: 'convict', from, accused, reporter: isDrawn(0.3) ? NOBODY : pick(payers).address },
      evidence: `0x${shown.toString(16).padStart(64, '0')}`,
      ...{ conviction: isDrawn(0.95) ? count + 1 : count, signers: drawSigners() },
    };
  }

  const listPending = (): number[] =>
    book.offences.cases.flatMap(({ isOver, openedAt }, id) =>
      !isOver && lastNow < openedAt + BigInt(APPEAL_S) ? [id] : [],
    );

  /** Nobody appeals against every second one. */
  const listHeard = (): number[] => listPending().filter((id) => id % 2 === 0);

  /** Draws the next step of a case; sometimes one that is not due. */
  function drawHearing(from: Address): MoneyDeed {
    const { cases: opened } = book.offences;
    const pending = listPending();
    const due = opened.flatMap(({ isOver }, id) => (isOver || pending.includes(id) ? [] : [id]));
    if (due.length > 0 && isDrawn(0.5)) return { kind: 'close', from, id: pick(due) };
    const heard = listHeard();
    if (heard.length === 0 || isDrawn(0.1)) return { kind: 'close', from, id: below(opened.length + 1) };
    const id = pick(heard);
    const found = opened[id];
    if (found?.drawnFrom === undefined) return { kind: 'appeal', from, id };
    if (!found.hasPanel && isDrawn(0.9)) return { kind: 'drawPanel', from, id };
    return { kind: 'acquit', from, id, signers: drawSigners() };
  }

  /** Also for a period that is not over, for more than was recycled, and for claims made already. */
  function drawEmission(from: Address): MoneyDeed {
    const { allotments, talliedUntil } = book.emission;
    const number = allotments.length;
    if (number > 0 && isDrawn(0.6)) {
      const at = isDrawn(0.9) ? below(number) : number;
      const { entries } = allotments[Math.min(at, number - 1)] as (typeof allotments)[number];
      return { kind: 'emission', from, number: at, entries, place: below(entries.length) };
    }
    const whole = Number(lastNow - talliedUntil) / TALLY_S;
    const until = talliedUntil + BigInt(TALLY_S * Math.floor(1 + (isDrawn(0.8) ? whole - 1 : below(4))));
    const recycled = countRecycled(book.emission, until) + (isDrawn(0.05) ? 1n : 0n);
    const first = part(recycled);
    const shared = isDrawn(0.5) ? [recycled] : [first, (recycled - first) / 2n];
    const earners = [...payees, ...validators];
    const entries = shared.map(
      (units): BookedUnits => ({ account: pick(earners).address, units: units === 0n ? 1n : units }),
    );
    return { kind: 'allot', from, number: isDrawn(0.95) ? number : number + 1, until, entries, signers: drawSigners() };
  }

  /** Draws a limit set by the payer, or by anybody if its code agrees. Some are lower than before or lack its consent. */
  function drawKey(): MoneyDeed {
    if (isDrawn(0.4)) {
      const { address: payer, validator: to, limits } = pick(wallets);
      const limit = pick(limits) + (isDrawn(0.1) ? 1n : 0n);
      const key = delegateAccounts[0] as Address;
      const isAgreed = limits.includes(limit);
      return { kind: 'allowKey', from: pick(payers).address, payer, to, key, limit, isAgreed };
    }
    const [payer, to, key] = [pick(payers).address, pick(validators).address, pick(delegateAccounts)];
    const before = book.keyLimits.get(`${payer} ${to} ${key}`) ?? 0n;
    const limit = before + part(channelIn(book, payer, to).admitted);
    const isAgreed = isDrawn(0.9);
    const from = isAgreed ? payer : pick(payers.filter(({ address }) => address !== payer)).address;
    return { kind: 'allowKey', from, payer, to, key, limit, isAgreed };
  }

  /** Limit of the first delegate for a wallet. */
  const limitOf = (payer: string, validator: string): bigint =>
    book.keyLimits.get(`${payer} ${validator} ${delegateAccounts[0]}`) ?? 0n;

  /** Draws the signer of an order: the payer or a delegate, sometimes one that may not sign. */
  function drawSigner(payer: Address, validator: Address, cumulative: bigint): string {
    const may = delegateAccounts.filter(
      (key) => (book.keyLimits.get(`${payer} ${validator} ${key}`) ?? 0n) >= cumulative,
    );
    // Code signs nothing. If no key may sign for it, an unauthorised one signs.
    const isWallet = wallets.some(({ address }) => address === payer);
    if (isDrawn(0.01) || (isWallet && may.length === 0)) return pick(delegateAccounts);
    return may.length > 0 && (isWallet || isDrawn(0.5)) ? pick(may) : payer;
  }

  /** Also for days that are not over and for claimed parts. */
  function drawCosigned(from: Address): MoneyDeed | undefined {
    const days = [...book.pots.keys()].map((key) => BigInt(key.split(' ')[1] ?? '0'));
    if (days.length === 0) return undefined;
    return { kind: 'cosigned', from, roster, day: pick(days), account: pick(validators).address };
  }

  function drawSettlement(validator: Address): BookedSettlement {
    const own = wallets.filter((one) => one.validator === validator).map(({ address }) => address);
    const debits = [...payers.map(({ address }) => address), ...own]
      .filter((payer) => isDrawn(0.6) && (!own.includes(payer) || isDrawn(0.02) || limitOf(payer, validator) > 0n))
      .map((payer) => {
        const { admitted, spent } = channelIn(book, payer, validator);
        const amount = part((admitted - spent) / 3n) + (isDrawn(0.01) ? admitted - spent : 0n);
        const drawnToo = spent + amount;
        // A voucher below the drawn amount.
        const cumulative = drawnToo > 0n && isDrawn(0.02) ? drawnToo - 1n : drawnToo + BigInt(below(3));
        return { payer, amount, cumulative, signer: drawSigner(payer, validator, cumulative) };
      })
      .sort((a, b) => (a.payer < b.payer ? -1 : 1));
    const gross = debits.reduce((sum, { amount }) => sum + amount, 0n) + (isDrawn(0.02) ? 1n : 0n);
    const cut = part(gross);
    const isCohort = isDrawn(0.3);
    const cohort = providerIds.slice(-3);
    const layers = cohort.map(() => 1 + below(20));
    const shards = layers.map((count, i) => ({
      firstLayer: layers.slice(0, i).reduce((sum, one) => sum + one, 0),
      ...{ layers: count, pricePer1kAtomic: BigInt(below(1_000)) },
    }));
    const amounts = isCohort ? splitCohort(gross, shards) : [cut, gross - cut];
    const lines = amounts.map((amount, i) => ({
      ...{
        providerId: isCohort ? (cohort[i] as Hex) : pick(providerIds),
        payee: pick(payees).address,
        gross: amount,
      },
      ...{ router: isDrawn(0.3) ? NOBODY : pick(payees).address, fine: isDrawn(0.2) ? part(amount) : 0n },
      modelRoot: pick(models),
    }));
    // One of them may be absent, and it may be one that the quorum needs.
    const absent = isDrawn(0.4) ? validators[0]?.address : isDrawn(0.05) ? pick(validators).address : undefined;
    const sequence = (book.sequences.get(validator) ?? 0n) + (isDrawn(0.05) ? BigInt(below(3)) : 1n);
    return {
      ...{ validator, sequence, debits, lines, isCohort },
      ejections: isDrawn(0.1) ? [pick(listEjectable())] : [],
      signed: { roster, votes: [...votes].filter(([account]) => account !== absent) },
      tallies: isDrawn(0.5)
        ? payees.map(({ address: payee }) => ({ payee, credits: below(4), refuted: isDrawn(0.2) ? 1 + below(3) : 0 }))
        : [],
    };
  }

  return (now: MoneyBook, time: bigint): MoneyDeed => {
    [book, lastNow] = [now, time];
    return drawDeed();
  };
}
