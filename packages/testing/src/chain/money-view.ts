import {
  casesAbi,
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
import { decodeFunctionResult, encodeFunctionData } from 'viem';
import { stakeIn } from './booked-stake.ts';
import { callChain } from './flow-chain.ts';
import { balanceIn, channelIn, forfeitIn, type MoneyBook } from './money-book.ts';
import { type MoneyWorld, NOBODY } from './money-world.ts';

/** The last cases, tallies and appeals, which are compared one by one. */
const LOOKED_AT = 6;
const lastOf = (list: readonly unknown[]): number[] => [...list.keys()].slice(-LOOKED_AT);

/** All balances by name, as read from the chain and as the model has them. */
export function createMoneyView(world: MoneyWorld) {
  const { ledger, rules, payers, validators, payees, wallets, delegateAccounts, providerIds, paying } = world;
  const { escrow, settlement, earnings, staking, token, hearings, parameters } = ledger.deployment;
  const { cases } = rules.offences as { cases: Address };
  const { emission } = rules.emission as { emission: Address };
  const holders: readonly Address[] = [
    ...[...payers, ...validators, ...payees, ...wallets].map(({ address }) => address),
    ...[escrow, earnings, staking, rules.cosigners as Address, ledger.treasury, cases, emission],
  ];

  async function readChain(book: MoneyBook): Promise<{ readonly chain: Record<string, string>; readonly now: bigint }> {
    const queries = listQueries(book);
    const calls = queries.map(({ to, data }) => ['eth_call', [{ to, data }, 'latest']] as const);
    const [block, ...found] = await callChain(
      ledger.chain.rpcUrl,
      ['eth_getBlockByNumber', ['latest', false]],
      ...calls,
    );
    const chain = Object.fromEntries(queries.flatMap(({ read }, i) => read(found[i] as Hex)));
    return { chain, now: BigInt((block as { timestamp: Hex }).timestamp) };
  }

  function listQueries(book: MoneyBook) {
    const one = (name: string, to: Address, abi: unknown, functionName: string, args: readonly unknown[]) => ({
      to,
      data: encodeFunctionData({ abi, functionName, args } as never),
      read: (data: Hex): [string, string][] => [
        [name, String(decodeFunctionResult({ abi, functionName, data } as never))],
      ],
    });
    const channels = paying.flatMap((payer) =>
      validators.map(({ address: validator }) => ({
        to: escrow,
        data: encodeFunctionData({ abi: escrowAbi, functionName: 'channelOf', args: [payer, validator] }),
        read(data: Hex): [string, string][] {
          const found = decodeFunctionResult({ abi: escrowAbi, functionName: 'channelOf', data });
          return [
            [`reserved ${payer} ${validator}`, `${found.admitted - found.spent}`],
            [`spent ${payer} ${validator}`, `${found.spent}`],
            [`releasing ${payer} ${validator}`, `${found.releasing}`],
            [`lien ${payer} ${validator}`, `${found.lien} ${found.lienUntil}`],
          ];
        },
      })),
    );
    const held = providerIds.flatMap((id) =>
      payees.map(({ address: payee }) => ({
        to: earnings,
        data: encodeFunctionData({ abi: earningsAbi, functionName: 'balanceOf', args: [id, payee] }),
        read(data: Hex): [string, string][] {
          const found = decodeFunctionResult({ abi: earningsAbi, functionName: 'balanceOf', data });
          return [
            [`held ${id} ${payee}`, `${found.earned - found.paid - found.collected}`],
            [`withdrawable ${id} ${payee}`, `${found.withdrawable}`],
            [`collectable ${id} ${payee}`, `${found.collectable}`],
          ];
        },
      })),
    );
    const keyBonds = providerIds.flatMap((id) =>
      payees.map(({ address: payee }) => ({
        to: earnings,
        data: encodeFunctionData({ abi: earningsAbi, functionName: 'bondOf', args: [id, payee] }),
        read(data: Hex): [string, string][] {
          const [bonded, leaving] = decodeFunctionResult({ abi: earningsAbi, functionName: 'bondOf', data });
          return [[`bonded ${id} ${payee}`, `${bonded + leaving}`]];
        },
      })),
    );
    const forfeits = providerIds.flatMap((id) =>
      payees.map(({ address: payee }) => one(`taken ${id} ${payee}`, earnings, earningsAbi, 'forfeitOf', [id, payee])),
    );
    const priorities = payees.map(({ address: payee }) => ({
      to: staking,
      data: encodeFunctionData({ abi: stakingAbi, functionName: 'priorityOf', args: [payee] }),
      read(data: Hex): [string, string][] {
        const { amount, leaving } = decodeFunctionResult({ abi: stakingAbi, functionName: 'priorityOf', data });
        return [
          [`priority ${payee}`, `${amount + leaving}`],
          [`weight ${payee}`, `${amount}`],
        ];
      },
    }));
    const stakes = payees.flatMap(({ address: payee }) => [
      {
        to: staking,
        data: encodeFunctionData({ abi: stakingAbi, functionName: 'stakingOf', args: [payee] }),
        read(data: Hex): [string, string][] {
          const { amount, leaving } = decodeFunctionResult({ abi: stakingAbi, functionName: 'stakingOf', data });
          return [
            [`staked ${payee}`, `${amount + leaving}`],
            [`backing ${payee}`, `${amount}`],
          ];
        },
      },
      {
        to: staking,
        data: encodeFunctionData({ abi: stakingAbi, functionName: 'heldOf', args: [payee] }),
        read(data: Hex): [string, string][] {
          const { amount, count } = decodeFunctionResult({ abi: stakingAbi, functionName: 'heldOf', data });
          return [
            [`penalties ${payee}`, `${amount}`],
            [`penalised ${payee}`, `${count}`],
          ];
        },
      },
    ]);
    const opened = lastOf(book.offences.cases).map((id) => ({
      to: cases,
      data: encodeFunctionData({ abi: casesAbi, functionName: 'caseOf', args: [BigInt(id)] }),
      read(data: Hex): [string, string][] {
        const { accused, amount, isOver } = decodeFunctionResult({ abi: casesAbi, functionName: 'caseOf', data });
        return [[`case ${id}`, `${accused.toLowerCase()} ${amount} ${isOver}`]];
      },
    }));
    const tallied = lastOf(book.emission.allotments).map((number) => ({
      to: emission,
      data: encodeFunctionData({ abi: emissionAbi, functionName: 'allotmentOf', args: [BigInt(number)] }),
      read(data: Hex): [string, string][] {
        const found = decodeFunctionResult({ abi: emissionAbi, functionName: 'allotmentOf', data });
        return [[`tally ${number}`, `${found.units} ${found.budget} ${found.claimed}`]];
      },
    }));
    const subjects = [...book.appeals.hearings.keys()].slice(-LOOKED_AT) as Hex[];
    const appealed = subjects.flatMap((subject) => [
      {
        to: cases,
        data: encodeFunctionData({ abi: casesAbi, functionName: 'depositOf', args: [subject] }),
        read(data: Hex): [string, string][] {
          const { from, amount, until } = decodeFunctionResult({ abi: casesAbi, functionName: 'depositOf', data });
          return [[`deposit ${subject}`, `${from.toLowerCase()} ${amount} ${until}`]];
        },
      },
      {
        to: hearings,
        data: encodeFunctionData({ abi: hearingsAbi, functionName: 'hearingOf', args: [subject] }),
        read(data: Hex): [string, string][] {
          const { drawnFrom, panel } = decodeFunctionResult({ abi: hearingsAbi, functionName: 'hearingOf', data });
          return [[`hearing ${subject}`, `${drawnFrom} ${panel.length > 0}`]];
        },
      },
    ]);
    const clocks = providerIds.flatMap((id) => [
      {
        to: settlement,
        data: encodeFunctionData({ abi: settlementAbi, functionName: 'ejectionOf', args: [id] }),
        read(data: Hex): [string, string][] {
          const { since, count } = decodeFunctionResult({ abi: settlementAbi, functionName: 'ejectionOf', data });
          return [[`ejection ${id}`, `${since} ${count}`]];
        },
      },
      one(`frozen ${id}`, earnings, earningsAbi, 'frozenSince', [id]),
    ]);
    const routers = payees.map(({ address: payee }) => ({
      to: staking,
      data: encodeFunctionData({ abi: stakingAbi, functionName: 'routerOf', args: [payee] }),
      read(data: Hex): [string, string][] {
        const { since, until } = decodeFunctionResult({ abi: stakingAbi, functionName: 'routerOf', data });
        return [[`router ${payee}`, `${since} ${until}`]];
      },
    }));
    const keyLimits = paying.flatMap((payer) =>
      validators.flatMap(({ address: to }) =>
        delegateAccounts.map((key) =>
          one(`limit ${payer} ${to} ${key}`, escrow, escrowAbi, 'keyLimitOf', [payer, to, key]),
        ),
      ),
    );
    return [
      ...stakes,
      ...opened,
      ...tallied,
      ...keyLimits,
      ...appealed,
      ...clocks,
      ...routers,
      one('paused', parameters, parametersAbi, 'pausedUntil', []),
      one('cases', cases, casesAbi, 'caseCount', []),
      one('tallies', emission, emissionAbi, 'allotmentCount', []),
      one('tallied', emission, emissionAbi, 'talliedUntil', []),
      one('allotted', emission, emissionAbi, 'allotted', []),
      ...holders.map((who) => one(`tokens ${who}`, token, ogongTokenAbi, 'balanceOf', [who])),
      ...paying.map((who) => one(`free ${who}`, escrow, escrowAbi, 'freeOf', [who])),
      ...holders.map((who) => one(`credit ${who}`, escrow, escrowAbi, 'creditOf', [who])),
      ...channels,
      ...held,
      ...keyBonds,
      ...forfeits,
      ...priorities,
    ];
  }

  function describeBook(from: MoneyBook, now: bigint): Record<string, string> {
    const described: Record<string, string> = {};
    for (const who of holders) {
      described[`tokens ${who}`] = `${from.tokens.get(who) ?? 0n}`;
      described[`credit ${who}`] = `${from.credit.get(who) ?? 0n}`;
    }
    for (const payer of paying) {
      described[`free ${payer}`] = `${from.free.get(payer) ?? 0n}`;
      for (const { address: validator } of validators) {
        const { admitted, spent, releasing, lien, lienUntil } = channelIn(from, payer, validator);
        described[`lien ${payer} ${validator}`] = `${lien} ${lienUntil}`;
        described[`reserved ${payer} ${validator}`] = `${admitted - spent}`;
        described[`spent ${payer} ${validator}`] = `${spent}`;
        described[`releasing ${payer} ${validator}`] = `${releasing}`;
        for (const key of delegateAccounts) {
          const name = `${payer} ${validator} ${key}`;
          described[`limit ${name}`] = `${from.keyLimits.get(name) ?? 0n}`;
        }
      }
    }
    for (const id of providerIds) {
      for (const { address: payee } of payees) {
        const { earned, paid, collected, withdrawable, collectable } = balanceIn(from, rules, id, payee, now);
        described[`held ${id} ${payee}`] = `${earned - paid - collected}`;
        described[`withdrawable ${id} ${payee}`] = `${withdrawable}`;
        described[`collectable ${id} ${payee}`] = `${collectable}`;
        const { amount, leaving } = stakeIn(from.keyBonds, `${id} ${payee}`);
        described[`bonded ${id} ${payee}`] = `${amount + leaving}`;
        described[`taken ${id} ${payee}`] = `${forfeitIn(from, rules, [id, payee], now)}`;
      }
    }
    for (const { address: payee } of payees) {
      const { amount, leaving } = stakeIn(from.priorities, payee);
      described[`priority ${payee}`] = `${amount + leaving}`;
      described[`weight ${payee}`] = `${amount}`;
      const staked = stakeIn(from.offences.stakes, payee);
      described[`staked ${payee}`] = `${staked.amount + staked.leaving}`;
      described[`backing ${payee}`] = `${staked.amount}`;
      const held = from.offences.held.get(payee);
      described[`penalties ${payee}`] = `${held?.amount ?? 0n}`;
      described[`penalised ${payee}`] = `${held?.count ?? 0}`;
    }
    return { ...described, ...describeJudgements(from), ...describeAppeals(from) };
  }

  function describeJudgements({ offences, emission: tallied }: MoneyBook): Record<string, string> {
    const { allotments, talliedUntil } = tallied;
    const described: Record<string, string> = {
      ...{ cases: `${offences.cases.length}`, tallies: `${allotments.length}`, tallied: `${talliedUntil}` },
      allotted: `${allotments.reduce((sum, { budget }) => sum + budget, 0n)}`,
    };
    for (const id of lastOf(offences.cases)) {
      const { accused, amount, isOver } = offences.cases[id] as (typeof offences.cases)[number];
      described[`case ${id}`] = `${accused} ${amount} ${isOver}`;
    }
    for (const number of lastOf(allotments)) {
      const { entries, units, budget, claimed } = allotments[number] as (typeof allotments)[number];
      const paid = [...claimed].reduce((sum, place) => sum + (entries[place]?.units ?? 0n), 0n);
      described[`tally ${number}`] = `${units} ${budget} ${paid}`;
    }
    return described;
  }

  function describeAppeals({ appeals, ejected, offences, pausedUntil }: MoneyBook): Record<string, string> {
    const described: Record<string, string> = { paused: `${pausedUntil}` };
    for (const [subject, { drawnFrom, hasPanel }] of [...appeals.hearings].slice(-LOOKED_AT)) {
      described[`hearing ${subject}`] = `${drawnFrom} ${hasPanel}`;
      const { from, amount, until } = appeals.deposits.get(subject) ?? { from: NOBODY, amount: 0n, until: 0n };
      described[`deposit ${subject}`] = `${from} ${amount} ${until}`;
    }
    for (const id of providerIds) {
      described[`ejection ${id}`] = `${ejected.get(id) ?? 0n} ${appeals.ejections.get(id) ?? 0}`;
      described[`frozen ${id}`] = `${appeals.frozen.get(id) ?? 0n}`;
    }
    for (const { address: payee } of payees) {
      const { since, until } = offences.routers.get(payee) ?? { since: 0n, until: 0n };
      described[`router ${payee}`] = `${since} ${until}`;
    }
    return described;
  }

  return { readChain, describeBook };
}
