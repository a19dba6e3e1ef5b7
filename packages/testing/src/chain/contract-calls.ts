import { PERMIT2 } from '@ogong/chain/money/signed-approvals';
import { zeroAddress, zeroHash } from 'viem';

/** The party that may call a function, and the contract's answer to a stranger. */
export interface ReservedCall {
  readonly who: string;
  readonly answer: string;
  /** Arguments for the call, if the contract refuses zeros for another reason. */
  readonly args?: readonly unknown[];
}

/** Why anybody may call the function. `own`: it moves only what belongs to the caller. */
type Reason =
  | 'own'
  /** It does what the signatures passed to it authorise. */
  | 'signed'
  /** It pays everybody their due or performs due work, regardless of the caller. */
  | 'upkeep';

/** The answer to a stranger that owns nothing and passes zeros: the contract's error name, or `done`. */
type OpenCall = readonly [reason: Reason, answer: string];

interface ContractCalls {
  readonly reserved: Readonly<Record<string, ReservedCall>>;
  readonly anybody: Readonly<Record<string, OpenCall>>;
}

const owner: ReservedCall = { who: 'its owner', answer: 'OwnableUnauthorizedAccount' };
const settlement: ReservedCall = { who: 'the settlement', answer: 'NotSettlement' };
const cases: ReservedCall = { who: 'the contract of cases', answer: 'NotCases' };
const guardian: ReservedCall = { who: 'the guardian', answer: 'NotGuardian' };
const nameOwner: ReservedCall = { who: "the maker's account", answer: 'NotOwner' };
const executor: ReservedCall = { who: 'the token holders, by a decision', answer: 'GovernorOnlyExecutor' };
const role: ReservedCall = { who: 'the government', answer: 'AccessControlUnauthorizedAccount' };
const facilitator: ReservedCall = { who: 'the facilitator of the permit', answer: 'UnauthorizedFacilitator' };
/** An empty permit with an approval. Its token is a contract that takes none. */
const EMPTY_APPROVED = [
  { value: 0n, deadline: 0n, r: zeroHash, s: zeroHash, v: 0 },
  { permitted: { token: PERMIT2, amount: 0n }, nonce: 0n, deadline: 0n },
  0n,
  zeroAddress,
  { to: zeroAddress, facilitator: zeroAddress, validAfter: 0n },
  '0x',
];
const escrow: ReservedCall = { who: 'the escrow', answer: 'NotTransferable' };

const erc20 = {
  approve: ['own', 'ERC20InvalidSpender'],
  transfer: ['own', 'ERC20InvalidReceiver'],
  transferFrom: ['own', 'ERC20InvalidApprover'],
} as const;
const votes = {
  delegate: ['own', 'done'],
  delegateBySig: ['signed', 'VotesExpiredSignature'],
  permit: ['signed', 'ERC2612ExpiredSignature'],
} as const;
const DAY = 86_400n;

/** Every state-changing function of every contract. A test fails if one has no row. */
export const CALLS: Readonly<Record<string, ContractCalls>> = {
  ogongToken: {
    reserved: {},
    anybody: {
      ...erc20,
      ...votes,
      cancelAuthorization: ['signed', 'ECDSAInvalidSignature'],
      receiveWithAuthorization: ['signed', 'ECDSAInvalidSignature'],
      transferWithAuthorization: ['signed', 'ECDSAInvalidSignature'],
    },
  },
  launchCurve: {
    reserved: {},
    anybody: {
      buy: ['own', 'Expired'],
      sell: ['own', 'Expired'],
    },
  },
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
      bond: ['own', 'ZeroAmount'],
      collectPenalty: ['upkeep', 'NothingHeld'],
      finishDeprioritize: ['own', 'NothingToUnbond'],
      finishUnbond: ['own', 'NothingToUnbond'],
      finishUnstake: ['own', 'NothingToUnbond'],
      prioritize: ['own', 'ZeroAmount'],
      registerRouter: ['own', 'ZeroTicketKey'],
      requestDeprioritize: ['own', 'ZeroAmount'],
      requestUnbond: ['own', 'ZeroAmount'],
      requestUnstake: ['own', 'ZeroAmount'],
      retireRouter: ['upkeep', 'NoRouter'],
      stake: ['own', 'ZeroAmount'],
    },
  },
  validatorRegistry: {
    reserved: {},
    anybody: {
      announce: ['own', 'done'],
      deregister: ['own', 'NotRegistered'],
      evict: ['upkeep', 'NotRegistered'],
      register: ['own', 'BondTooLow'],
      setSigner: ['own', 'ZeroKey'],
      update: ['own', 'NotRegistered'],
    },
  },
  roster: {
    reserved: {
      drop: { who: 'the contract of stakes', answer: 'NotStaking' },
      noteChange: { who: 'the contracts of stakes and of validators', answer: 'NotStaking' },
    },
    anybody: {
      setKey: ['signed', 'BadQuorumKey'],
      take: ['upkeep', 'done'],
    },
  },
  settlement: {
    reserved: {},
    anybody: {
      ejectForMachine: ['signed', 'NoQuorum'],
      pardon: ['signed', 'NothingHeld'],
      reinstate: ['signed', 'NotEjected'],
      settle: ['signed', 'WrongSequence'],
    },
  },
  escrow: {
    reserved: { disburse: settlement },
    anybody: {
      admit: ['own', 'ZeroAmount'],
      allowKey: ['signed', 'ZeroKey'],
      claim: ['own', 'NothingToClaim'],
      deposit: ['own', 'ZeroAmount'],
      finishRelease: ['own', 'NothingToRelease'],
      passOn: ['own', 'done'],
      requestRelease: ['own', 'done'],
      takeLien: ['signed', 'NothingToRelease'],
      withdraw: ['own', 'ZeroAmount'],
    },
  },
  cosigners: {
    reserved: { note: settlement },
    anybody: {
      claim: ['upkeep', 'done'],
    },
  },
  earnings: {
    reserved: { credit: settlement, freeze: cases },
    anybody: {
      bond: ['own', 'NoKeyBonds'],
      collect: ['upkeep', 'NothingToCollect'],
      finishUnbond: ['own', 'NothingToUnbond'],
      forfeit: ['upkeep', 'NothingForfeited'],
      requestUnbond: ['own', 'ZeroAmount'],
      withdraw: ['upkeep', 'NothingToWithdraw'],
    },
  },
  emission: {
    reserved: {},
    anybody: {
      allot: ['signed', 'NoPeriod'],
      claim: ['upkeep', 'NoAllotment'],
    },
  },
  machineRegistry: {
    reserved: {},
    anybody: {
      register: ['signed', 'BadTime'],
      registerQuoted: ['signed', 'BadQuote'],
      revoke: ['signed', 'NothingChanges'],
    },
  },
  pins: {
    reserved: {},
    anybody: {
      accept: ['own', 'NoPin'],
      cancel: ['own', 'NoPin'],
      claim: ['own', 'NothingToClaim'],
      open: ['own', 'OutOfRange'],
      prove: ['upkeep', 'NoPin'],
      returnMissed: ['upkeep', 'NoPin'],
      stop: ['own', 'NoPin'],
    },
  },
  modelRegistry: {
    reserved: {
      ...{ claimRoot: nameOwner, offer: nameOwner, publish: nameOwner, revoke: nameOwner },
      accept: { who: 'the account to which the name was offered', answer: 'NotOffered' },
    },
    anybody: {
      announce: ['own', 'done'],
      claim: ['own', 'BadName'],
    },
  },
  beaconKeys: {
    reserved: {},
    anybody: {
      activate: ['signed', 'WrongEra'],
      registerBoxKey: ['own', 'BadBoxKey'],
      registerHeadKey: ['own', 'BadHeadKey'],
      retire: ['signed', 'NoSuchGeneration'],
    },
  },
  cases: {
    reserved: { openProven: { who: 'the contracts that have seen a proof', answer: 'NotProof' } },
    anybody: {
      acquit: ['signed', 'NoCase'],
      appeal: ['own', 'NoCase'],
      appealEjection: ['own', 'NotEjected'],
      appealPenalty: ['own', 'NothingHeld'],
      close: ['upkeep', 'NoCase'],
      convict: ['signed', 'NoQuorum'],
      forfeit: ['upkeep', 'NoDeposit'],
      freeze: ['signed', 'NoDeposit'],
      pardon: ['signed', 'NoDeposit'],
      reinstate: ['signed', 'NoDeposit'],
      requestFreeze: ['own', 'AppealOver'],
    },
  },
  hearings: {
    reserved: { open: cases },
    anybody: {
      draw: ['upkeep', 'NoHearing'],
    },
  },
  equivocation: {
    reserved: {},
    anybody: {
      announce: ['own', 'done'],
      prove: ['signed', 'BadMembers'],
    },
  },
  misrouting: {
    reserved: {},
    anybody: {
      announce: ['own', 'done'],
      prove: ['signed', 'BadTicket'],
    },
  },
  government: {
    reserved: {
      ...{ relay: executor, setProposalThreshold: executor, updateQuorumNumerator: executor },
      setVotingDelay: { ...executor, args: [Number(DAY)] },
      setVotingPeriod: { ...executor, args: [Number(7n * DAY)] },
      propose: { who: 'a token holder with enough votes', answer: 'GovernorInsufficientProposerVotes' },
    },
    anybody: {
      cancel: ['own', 'GovernorNonexistentProposal'],
      castVote: ['own', 'GovernorNonexistentProposal'],
      castVoteBySig: ['signed', 'GovernorInvalidSignature'],
      castVoteWithReason: ['own', 'GovernorNonexistentProposal'],
      castVoteWithReasonAndParams: ['own', 'GovernorNonexistentProposal'],
      castVoteWithReasonAndParamsBySig: ['signed', 'GovernorInvalidSignature'],
      execute: ['upkeep', 'GovernorNonexistentProposal'],
      onERC1155BatchReceived: ['upkeep', 'GovernorDisabledDeposit'],
      onERC1155Received: ['upkeep', 'GovernorDisabledDeposit'],
      onERC721Received: ['upkeep', 'GovernorDisabledDeposit'],
      queue: ['upkeep', 'GovernorNonexistentProposal'],
    },
  },
  timelock: {
    reserved: {
      ...{ cancel: role, grantRole: role, revokeRole: role, schedule: role, scheduleBatch: role },
      updateDelay: { who: 'itself', answer: 'TimelockUnauthorizedCaller', args: [7n * DAY] },
    },
    anybody: {
      execute: ['upkeep', 'TimelockUnexpectedOperationState'],
      executeBatch: ['upkeep', 'TimelockUnexpectedOperationState'],
      onERC1155BatchReceived: ['upkeep', 'done'],
      onERC1155Received: ['upkeep', 'done'],
      onERC721Received: ['upkeep', 'done'],
      renounceRole: ['own', 'AccessControlBadConfirmation'],
    },
  },
  orog: {
    reserved: { mint: { who: 'the contract that burns and mints', answer: 'NotMinter' } },
    anybody: {
      ...erc20,
      ...votes,
      burn: ['own', 'done'],
    },
  },
  credits: {
    reserved: {
      ...{ consume: escrow, lapse: escrow, transfer: escrow, transferFrom: escrow },
      issue: { who: 'the contract that burns and mints', answer: 'NotIssuer' },
    },
    anybody: {
      lapseWallet: ['upkeep', 'done'],
    },
  },
  mintBurn: {
    reserved: { earn: { who: 'the credits', answer: 'NotCredits' } },
    anybody: {
      claim: ['own', 'NotClosed'],
      close: ['upkeep', 'done'],
      topUp: ['own', 'ZeroAmount'],
    },
  },
  payouts: {
    reserved: {},
    anybody: {
      choose: ['own', 'done'],
      pay: ['own', 'ERC20InvalidReceiver'],
    },
  },
  priceOracle: {
    reserved: {
      ...{ acceptOwnership: owner, renounceOwnership: owner, transferOwnership: owner },
      ...{ announceFeeds: owner, pause: owner },
    },
    anybody: {
      changeFeeds: ['upkeep', 'TooEarly'],
      post: ['signed', 'TooFewQuotes'],
    },
  },
  constantProductPool: {
    reserved: {},
    anybody: {
      provide: ['own', 'done'],
      swap: ['own', 'UnknownPair'],
    },
  },
  devDollar: {
    reserved: {},
    anybody: {
      ...erc20,
    },
  },
  devPermit2: {
    reserved: {},
    anybody: {
      invalidateUnorderedNonces: ['own', 'done'],
      permitWitnessTransferFrom: ['signed', 'SignatureExpired'],
    },
  },
  devUptoProxy: {
    reserved: { settle: facilitator, settleWithPermit: { ...facilitator, args: EMPTY_APPROVED } },
    anybody: {},
  },
};
