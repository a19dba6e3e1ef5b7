// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The content of one request: the part of an order that the ledger only ever sees as a hash.
struct Terms {
    bytes32 requestHash;
    bytes32 nonce;
    bytes32 modelRoot;
    bytes32 providerId;
    address payee;
    address router;
    uint8 choice;
    uint32 contextSize;
    uint128 maxFee;
    uint128 pricePer1k;
    uint64 epoch;
    uint64 expiresAt;
}

/// Draw on one payer's channel with the batch's validator: the sum of the fees owed since the last batch. The newest order that the payer
/// signed covers it.
struct Debit {
    address payer;
    uint128 amount;
    uint128 cumulative;
    bytes32 termsHash;
    /// The payer's signature in its short form (ERC-2098): s with the parity of y in its highest bit.
    bytes32 r;
    bytes32 vs;
}

/// The debt of the payers for the replies of one provider, under one of its keys, that came through one router.
struct Line {
    bytes32 providerId;
    address payee;
    address router;
    uint128 gross;
    /// The part of gross that goes to the verification pool whole, for an undelivered promise of the provider.
    uint128 fine;
    /// Content root of the weights that answered: the registry names their maker. Zero while the maker's share is zero, so that lines are
    /// not split by model without need.
    bytes32 modelRoot;
}

/// The work of the verifiers of one payee for the entries of a batch.
struct Tally {
    address payee;
    /// Reports that count: they share the part of the batch's fees for verification.
    uint32 credits;
    /// Reports that others refuted: each costs a part of the payee's stake.
    uint32 refuted;
}

/// A run of verdicts by one validator. The lists of debits, lines, ejections and tallies travel beside it.
struct Batch {
    address validator;
    uint64 sequence;
    bytes32 logHead;
    uint64 logLength;
    bytes32 recordsRoot;
    uint32 replies;
}

/// An amount that becomes claimable by a payee.
struct Credit {
    address payee;
    uint256 amount;
}

/// Earnings of a provider's key for a payee.
struct Earned {
    bytes32 providerId;
    address payee;
    uint128 amount;
}

/// The ejection state of one provider.
struct Ejection {
    /// Since when it is ejected; 0 while it is not.
    uint64 since;
    /// Number of its ejections; a reinstatement names one of them.
    uint32 count;
}

/// Rules of held earnings. They never change in a running network.
struct Holding {
    /// Seconds of one period; 0 for a network that holds no earnings.
    uint32 period;
    /// The first units that each key earns for a payee go to the verification pool, up to this.
    uint128 entrance;
    /// An order at a key costs at most the entrance and this many millionths of the key's held amount.
    uint32 growth;
}

/// Parts of a fee in basis points; the rest belongs to the provider.
struct Shares {
    uint16 router;
    uint16 validator;
    uint16 verification;
    uint16 treasury;
    uint16 license;
    /// Nobody receives it: it returns to the rest of the emission. It is the provider's in a network without an emission.
    uint16 recycle;
    /// Share of the model's maker by the registry; the provider's if the registry names none. Zero until governance raises it.
    uint16 maker;
}

/// Amounts and times of the emission. They never change in a running network.
struct Issuance {
    /// Seconds since 1970, at a full hour.
    uint64 start;
    /// Seconds of one period of tallies, whole hours; 0 for a network without emission.
    uint32 period;
    /// At most this many millionths of the recycled amount may be given.
    uint32 lambda;
}

/// Addresses that receive the network's own parts of a fee.
struct Recipients {
    address verification;
    address treasury;
    address license;
}

/// Periods in seconds. They never change in a running network.
struct Delays {
    /// From a change of a bond until a quorum counts it. At most `leastUnbonding`, so that no vote outlives its bond.
    uint32 voting;
    /// From announcing shares and recipients until they are in force.
    uint32 notice;
    /// Time after an ejection in which it can be lifted.
    uint32 appeal;
    /// Floor of Limits.withdrawalDelay.
    uint32 leastWithdrawal;
    /// Floor of Limits.unbondingDelay.
    uint32 leastUnbonding;
}
