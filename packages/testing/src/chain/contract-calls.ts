/** Who else may call a function, and what the contract answers a stranger. */
export interface ReservedCall {
  readonly who: string;
  readonly answer: string;
  /** Where arguments of zero are refused for themselves. */
  readonly args?: readonly unknown[];
}

/** Why anybody may call the others, by contract and function. `own`: it moves what is the caller's alone. */
type Reason =
  | 'own'
  /** It does what signatures say that come with it. */
  | 'signed'
  /** It gives everybody what is theirs, or does what is due, whoever asks. */
  | 'upkeep';

interface ContractCalls {
  readonly reserved: Readonly<Record<string, ReservedCall>>;
  readonly anybody: Readonly<Record<string, Reason>>;
}

const owner: ReservedCall = { who: 'its owner', answer: 'OwnableUnauthorizedAccount' };
const settlement: ReservedCall = { who: 'the settlement', answer: 'NotSettlement' };
const cases: ReservedCall = { who: 'the contract of cases', answer: 'NotCases' };
const guardian: ReservedCall = { who: 'the guardian', answer: 'NotGuardian' };
const nameOwner: ReservedCall = { who: "the maker's account", answer: 'NotOwner' };
const executor: ReservedCall = { who: 'what token holders decided', answer: 'GovernorOnlyExecutor' };
const role: ReservedCall = { who: 'the government', answer: 'AccessControlUnauthorizedAccount' };
const escrow: ReservedCall = { who: 'the escrow', answer: 'NotTransferable' };

const erc20 = { approve: 'own', transfer: 'own', transferFrom: 'own' } as const;
const votes = { delegate: 'own', delegateBySig: 'signed', permit: 'signed' } as const;
const authorized: Readonly<Record<string, Reason>> = {
  ...{ cancelAuthorization: 'signed', receiveWithAuthorization: 'signed', transferWithAuthorization: 'signed' },
};
const receivers = {
  onERC1155BatchReceived: 'upkeep',
  onERC1155Received: 'upkeep',
  onERC721Received: 'upkeep',
} as const;
const DAY = 86_400n;

/** Every function that changes something, of every contract. One without a row fails a test. */
export const CALLS: Readonly<Record<string, ContractCalls>> = {
  ogongToken: { reserved: {}, anybody: { ...erc20, ...votes, ...authorized } },
  parameters: {
    reserved: {
      ...{ acceptOwnership: owner, renounceOwnership: owner, transferOwnership: owner, setGuardian: owner },
      ...{ setDistribution: owner, setDriftTable: owner, setLimits: owner, setTests: owner, setWork: owner },
      ...{ pauseEntry: guardian, openEntry: guardian },
    },
    anybody: {},
  },
  staking: {
    reserved: {
      ...{ pardon: settlement, penalize: settlement, restore: cases, takeBond: cases, takeStake: cases },
      setActive: { who: 'the registry', answer: 'NotRegistry' },
    },
    anybody: {
      ...{ bond: 'own', finishUnbond: 'own', finishUnstake: 'own', registerRouter: 'own', requestUnbond: 'own' },
      ...{ requestUnstake: 'own', stake: 'own', collectPenalty: 'upkeep', retireRouter: 'upkeep' },
      ...{ prioritize: 'own', requestDeprioritize: 'own', finishDeprioritize: 'own' },
    },
  },
  validatorRegistry: {
    reserved: {},
    anybody: {
      ...{ announce: 'own', deregister: 'own', register: 'own', setSigner: 'own', update: 'own', evict: 'upkeep' },
    },
  },
  roster: {
    reserved: {
      drop: { who: 'the contract of stakes', answer: 'NotStaking' },
      noteChange: { who: 'the contracts of stakes and of validators', answer: 'NotStaking' },
    },
    anybody: { setKey: 'signed', take: 'upkeep' },
  },
  settlement: {
    reserved: {},
    anybody: { ejectForMachine: 'signed', pardon: 'signed', reinstate: 'signed', settle: 'signed' },
  },
  escrow: {
    reserved: { disburse: settlement },
    anybody: {
      ...{ admit: 'own', claim: 'own', deposit: 'own', finishRelease: 'own', requestRelease: 'own', withdraw: 'own' },
      ...{ allowKey: 'signed', takeLien: 'signed', passOn: 'own' },
    },
  },
  cosigners: { reserved: { note: settlement }, anybody: { claim: 'upkeep' } },
  earnings: {
    reserved: { credit: settlement, freeze: cases },
    anybody: {
      ...{ bond: 'own', requestUnbond: 'own', finishUnbond: 'own' },
      ...{ collect: 'upkeep', forfeit: 'upkeep', withdraw: 'upkeep' },
    },
  },
  emission: { reserved: {}, anybody: { allot: 'signed', claim: 'upkeep' } },
  machineRegistry: { reserved: {}, anybody: { register: 'signed', registerQuoted: 'signed', revoke: 'signed' } },
  modelRegistry: {
    reserved: {
      ...{ claimRoot: nameOwner, offer: nameOwner, publish: nameOwner, revoke: nameOwner },
      accept: { who: 'whom the name was offered', answer: 'NotOffered' },
    },
    anybody: { announce: 'own', claim: 'own' },
  },
  beaconKeys: {
    reserved: {},
    anybody: { activate: 'signed', retire: 'signed', registerBoxKey: 'own', registerHeadKey: 'own' },
  },
  cases: {
    reserved: { openProven: { who: 'the contract that has seen the contradiction', answer: 'NotEquivocation' } },
    anybody: {
      ...{ acquit: 'signed', convict: 'signed', pardon: 'signed', reinstate: 'signed' },
      ...{ appeal: 'own', appealEjection: 'own', appealPenalty: 'own', close: 'upkeep', forfeit: 'upkeep' },
      ...{ requestFreeze: 'own', freeze: 'signed' },
    },
  },
  hearings: { reserved: { open: cases }, anybody: { draw: 'upkeep' } },
  equivocation: { reserved: {}, anybody: { announce: 'own', prove: 'signed' } },
  government: {
    reserved: {
      ...{ relay: executor, setProposalThreshold: executor, updateQuorumNumerator: executor },
      setVotingDelay: { ...executor, args: [Number(DAY)] },
      setVotingPeriod: { ...executor, args: [Number(7n * DAY)] },
      propose: { who: 'who has enough votes', answer: 'GovernorInsufficientProposerVotes' },
    },
    anybody: {
      ...{ cancel: 'own', castVote: 'own', castVoteWithReason: 'own', castVoteWithReasonAndParams: 'own' },
      ...{ castVoteBySig: 'signed', castVoteWithReasonAndParamsBySig: 'signed', execute: 'upkeep', queue: 'upkeep' },
      ...receivers,
    },
  },
  timelock: {
    reserved: {
      ...{ cancel: role, grantRole: role, revokeRole: role, schedule: role, scheduleBatch: role },
      updateDelay: { who: 'itself', answer: 'TimelockUnauthorizedCaller', args: [7n * DAY] },
    },
    anybody: { execute: 'upkeep', executeBatch: 'upkeep', renounceRole: 'own', ...receivers },
  },
  orog: {
    reserved: { mint: { who: 'the contract that burns and mints', answer: 'NotMinter' } },
    anybody: { ...erc20, ...votes, burn: 'own' },
  },
  credits: {
    reserved: {
      ...{ consume: escrow, lapse: escrow, transfer: escrow, transferFrom: escrow },
      issue: { who: 'the contract that burns and mints', answer: 'NotIssuer' },
    },
    anybody: { lapseWallet: 'upkeep' },
  },
  mintBurn: {
    reserved: { earn: { who: 'the credits', answer: 'NotCredits' } },
    anybody: { claim: 'own', topUp: 'own', close: 'upkeep' },
  },
  payouts: { reserved: {}, anybody: { choose: 'own', pay: 'own' } },
  priceOracle: {
    reserved: {
      ...{ acceptOwnership: owner, renounceOwnership: owner, transferOwnership: owner },
      ...{ announceFeeds: owner, pause: owner },
    },
    anybody: { changeFeeds: 'upkeep', post: 'signed' },
  },
  constantProductPool: { reserved: {}, anybody: { provide: 'own', swap: 'own' } },
  devDollar: { reserved: {}, anybody: erc20 },
};
