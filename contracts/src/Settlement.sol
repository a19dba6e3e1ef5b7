// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Cosigners} from "./Cosigners.sol";
import {Earnings} from "./Earnings.sol";
import {Emission, ICredit} from "./Emission.sol";
import {Escrow} from "./Escrow.sol";
import {Parameters} from "./Parameters.sol";
import {ModelRegistry} from "./ModelRegistry.sol";
import {Roster} from "./Roster.sol";
import {Staking} from "./Staking.sol";
import {Batch, Credit, Debit, Earned, Ejection, Issuance, Line, Shares, Tally} from "./libraries/Types.sol";

/// @title Settlement of batches of verdicts
/// @notice A batch nets the accepted replies of one validator, anchors its verdict log and names the providers that it
/// ejected. Validators holding more than two thirds of all bonds sign it; anyone may submit it, once. A rejected reply
/// is simply not in it: its fee never leaves the payer.
contract Settlement is EIP712, ReentrancyGuardTransient {
    using Checkpoints for Checkpoints.Trace208;

    bytes32 private constant BATCH_TYPEHASH = keccak256(
        "Batch(address validator,uint64 sequence,bytes32 logHead,uint64 logLength,bytes32 recordsRoot,uint32 replies,bytes32 debitsHash,bytes32 linesHash,bytes32 ejectedHash,bytes32 talliesHash)"
    );
    bytes32 private constant REINSTATEMENT_TYPEHASH = keccak256("Reinstatement(bytes32 providerId,uint32 ejection)");
    bytes32 private constant MACHINE_EJECTION_TYPEHASH =
        keccak256("MachineEjection(bytes32 providerId,bytes32 evidence,uint32 ejection)");
    bytes32 private constant PARDON_TYPEHASH = keccak256("Pardon(address payee,uint32 penalty)");
    uint256 private constant BASIS = 10_000;
    /// Credits that all lines share.
    uint256 private constant COMMON = 7;

    /// The signers of a batch.
    struct Signed {
        uint256 votes;
        /// The roster that counted them; zero for none.
        address roster;
        /// Bit i: member i of it.
        uint256 who;
    }

    /// The shares of a batch's lines. First comes a credit for the router of each line, then the credits that all lines share. They are one
    /// for each tally, and one for the maker of each line if makers have a share.
    struct Sharing {
        Shares shares;
        Credit[] credits;
        /// Those that all lines have in common, of `credits`.
        Credit validator;
        Credit verification;
        Credit treasury;
        Credit license;
        Credit recycled;
        Credit earnings;
        Credit cosigners;
        /// Place of the first tally.
        uint256 tallies;
        /// Place of the first line's maker.
        uint256 makers;
    }

    /// The last settled state of one validator's verdict log.
    struct Anchor {
        uint64 sequence;
        uint64 logLength;
        bytes32 logHead;
    }

    Parameters public immutable parameters;
    Staking public immutable staking;
    Roster public immutable roster;
    Escrow public immutable escrow;
    Earnings public immutable earnings;
    /// Receiver of the recycled share; zero for a network without emission.
    Emission public immutable emission;
    /// Names the maker of a model.
    ModelRegistry private immutable _models;
    /// Receives the co-signers' part of the validators' share.
    Cosigners private immutable _cosigners;
    /// The unvested sum stays below half of the signers' bonds: in networks whose fees are paid in the token of the bonds.
    bool public immutable isBacked;

    mapping(address validator => Anchor) private _anchors;
    mapping(bytes32 providerId => Ejection) private _ejections;
    /// Sum of all that was ever recycled, by hours since 1970.
    Checkpoints.Trace208 private _recycled;

    event Settled(
        address indexed validator,
        uint64 indexed sequence,
        bytes32 recordsRoot,
        bytes32 logHead,
        uint64 logLength,
        uint32 replies,
        uint256 gross,
        uint256 residual
    );
    event Paid(
        bytes32 indexed providerId,
        address indexed payee,
        address indexed validator,
        uint64 sequence,
        address router,
        uint128 gross,
        uint256 residual,
        uint256 recycled
    );
    event MakerPaid(address indexed maker, bytes32 indexed modelRoot, uint256 amount);
    event Verified(address indexed payee, address indexed validator, uint64 sequence, uint32 credits, uint32 refuted, uint256 amount);
    event Ejected(bytes32 indexed providerId, address indexed validator);
    event EjectedForMachine(bytes32 indexed providerId, bytes32 evidence, uint32 ejection);
    event Reinstated(bytes32 indexed providerId, uint32 ejection);

    error WrongSequence(uint64 expected, uint64 given);
    error LogShrunk(uint64 settled, uint64 given);
    error ZeroPayee();
    error OtherSettlement(address expected);
    error NotEjected(bytes32 providerId);
    error EjectedAlready(bytes32 providerId);
    error AppealOver(uint256 since);
    error NothingHeld(address payee);
    error FineAboveGross(uint128 fine, uint128 gross);
    error Unbacked(uint256 unvested, uint256 bonds);

    /// @param models_ It may be created later than this one.
    constructor(
        IERC20 token,
        Parameters parameters_,
        Staking staking_,
        Issuance memory issuance,
        ModelRegistry models_
    ) EIP712("OGONG", "1") {
        address expected = staking_.settlement();
        if (expected != address(this)) revert OtherSettlement(expected);
        parameters = parameters_;
        staking = staking_;
        roster = staking_.roster();
        _models = models_;
        escrow = new Escrow(token, parameters_);
        earnings = new Earnings(token, parameters_, escrow, staking_.cases());
        isBacked = !escrow.isCredit();
        if (issuance.period != 0) emission = new Emission(token, ICredit(address(escrow)), issuance);
        _cosigners = staking_.cosigners();
    }

    /// @notice Settles a batch: draws on the payers' channels, credits all parties, anchors the log, and records ejections and verifiers. A
    /// provider's part is held in Earnings.
    /// @param quorum 65-byte signatures (r, s, v) over `batchDigest`, in ascending order of their signers' addresses.
    function settle(
        Batch calldata batch,
        Debit[] calldata debits,
        Line[] calldata lines,
        bytes32[] calldata ejections,
        Tally[] calldata tallies,
        bytes[] calldata quorum
    ) external nonReentrant {
        Anchor storage anchor = _anchors[batch.validator];
        if (batch.sequence != anchor.sequence + 1) revert WrongSequence(anchor.sequence + 1, batch.sequence);
        if (batch.logLength < anchor.logLength) revert LogShrunk(anchor.logLength, batch.logLength);
        Signed memory by = _requireSigned(batchDigest(batch, debits, lines, ejections, tallies), quorum);

        anchor.sequence = batch.sequence;
        anchor.logLength = batch.logLength;
        anchor.logHead = batch.logHead;
        for (uint256 i; i < ejections.length; ++i) {
            _eject(ejections[i], batch.validator);
        }
        (Credit[] memory credits, Earned[] memory earned, uint256 gross, uint256 residual) =
            _split(batch, lines, tallies, by);
        _disburse(batch.validator, debits, credits);
        uint256 unvested = earnings.credit(earned, gross);
        // Signers of a false batch must have more to lose than the sum that is still on its way. Bonds are tokens, so payments in dollars
        // cannot be compared.
        if (isBacked && 2 * unvested > by.votes) revert Unbacked(unvested, by.votes);
        emit Settled(
            batch.validator,
            batch.sequence,
            batch.recordsRoot,
            batch.logHead,
            batch.logLength,
            batch.replies,
            gross,
            residual
        );
    }

    /// @notice Lifts an ejection that a quorum takes back, or a panel; anyone may submit it, until the appeal is over. Afterwards the
    /// ejection is final.
    /// @param quorum As in `settle`, over `reinstatementDigest`; not needed if Cases calls, because a panel has decided.
    function reinstate(bytes32 providerId, bytes[] calldata quorum) external {
        Ejection storage ejection = _ejections[providerId];
        if (ejection.since == 0) revert NotEjected(providerId);
        _requireLifted(ejection.since, reinstatementDigest(providerId, ejection.count), quorum);
        ejection.since = 0;
        emit Reinstated(providerId, ejection.count);
    }

    /// @notice Ejects a provider whose own key vouched for a machine that was forged, or revoked before; anyone may submit it. It can be
    /// lifted like any ejection.
    /// @param evidence SHA-256 of the published evidence.
    /// @param quorum As in `settle`, over `machineEjectionDigest` of the provider's next ejection.
    function ejectForMachine(bytes32 providerId, bytes32 evidence, bytes[] calldata quorum) external {
        Ejection storage ejection = _ejections[providerId];
        if (ejection.since != 0) revert EjectedAlready(providerId);
        _requireSigned(machineEjectionDigest(providerId, evidence, ejection.count + 1), quorum);
        // No validator's batch names it.
        _eject(providerId, address(0));
        emit EjectedForMachine(providerId, evidence, ejection.count);
    }

    /// @notice Gives a payee back the stake that penalties hold, if a quorum or a panel takes them back. Anyone may submit it until the
    /// appeal is over.
    /// @param quorum As in `settle`, over `pardonDigest` of the last penalty; not needed if Cases calls, because a panel has decided.
    function pardon(address payee, bytes[] calldata quorum) external {
        Staking.Held memory held = staking.heldOf(payee);
        if (held.amount == 0) revert NothingHeld(payee);
        _requireLifted(held.since, pardonDigest(payee, held.count), quorum);
        staking.pardon(payee);
    }

    /// @notice All that was recycled in the hours before that one, counted since 1970. It never changes once that hour has begun.
    function recycledBefore(uint48 hour) external view returns (uint256) {
        return hour == 0 ? 0 : _recycled.upperLookupRecent(hour - 1);
    }

    /// @notice Reverts if the signatures over `digest` are no quorum, as in `settle`.
    function requireQuorum(bytes32 digest, bytes[] calldata quorum) external view {
        _requireSigned(digest, quorum);
    }

    /// @notice Whether a provider is ejected: from the batch on that names it, until it is reinstated.
    function ejected(bytes32 providerId) external view returns (bool) {
        return _ejections[providerId].since != 0;
    }

    function ejectionOf(bytes32 providerId) external view returns (Ejection memory) {
        return _ejections[providerId];
    }

    function anchorOf(address validator) external view returns (Anchor memory) {
        return _anchors[validator];
    }

    /// @notice The sequence that the validator's next batch has to carry; the first is 1.
    function nextSequence(address validator) external view returns (uint64) {
        return _anchors[validator].sequence + 1;
    }

    /// @notice The EIP-712 digest that validators sign. A list is hashed as the concatenation of its elements' static
    /// fields, 32 bytes each; payers' signatures are not part of it.
    function batchDigest(
        Batch calldata batch,
        Debit[] calldata debits,
        Line[] calldata lines,
        bytes32[] calldata ejections,
        Tally[] calldata tallies
    ) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    BATCH_TYPEHASH,
                    batch,
                    hashDebits(debits),
                    hashLines(lines),
                    keccak256(abi.encodePacked(ejections)),
                    hashTallies(tallies)
                )
            )
        );
    }

    /// @notice The EIP-712 digest that validators sign to take back the `ejection`-th ejection of a provider.
    function reinstatementDigest(bytes32 providerId, uint32 ejection) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(REINSTATEMENT_TYPEHASH, providerId, ejection)));
    }

    /// @notice The EIP-712 digest that validators sign to eject a provider for the `ejection`-th time, by evidence about its machine.
    function machineEjectionDigest(bytes32 providerId, bytes32 evidence, uint32 ejection)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(MACHINE_EJECTION_TYPEHASH, providerId, evidence, ejection)));
    }

    /// @notice The EIP-712 digest that validators sign to return the held stake of a payee, as of its `penalty`-th penalty.
    function pardonDigest(address payee, uint32 penalty) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(PARDON_TYPEHASH, payee, penalty)));
    }

    /// @dev The first four words of each debit are hashed as they lie in the call. The Escrow, which reads them one by one, refuses dirty ones.
    function hashDebits(Debit[] calldata debits) public pure returns (bytes32) {
        bytes32[] memory words = new bytes32[](debits.length * 4);
        assembly ("memory-safe") {
            let from := debits.offset
            let to := add(words, 32)
            for { let end := add(to, mul(debits.length, 128)) } lt(to, end) { to := add(to, 128) } {
                calldatacopy(to, from, 128)
                from := add(from, 192)
            }
        }
        return _hashWords(words);
    }

    function hashLines(Line[] calldata lines) public pure returns (bytes32) {
        bytes32[] memory words = new bytes32[](lines.length * 6);
        // A line has no part of its own length: it lies in the call as it is hashed. Later readers of its fields refuse dirty ones.
        assembly ("memory-safe") {
            calldatacopy(add(words, 32), lines.offset, mul(lines.length, 192))
        }
        return _hashWords(words);
    }

    function hashTallies(Tally[] calldata tallies) public pure returns (bytes32) {
        bytes32[] memory words = new bytes32[](tallies.length * 3);
        for (uint256 i; i < tallies.length; ++i) {
            words[3 * i] = bytes32(uint256(uint160(tallies[i].payee)));
            words[3 * i + 1] = bytes32(uint256(tallies[i].credits));
            words[3 * i + 2] = bytes32(uint256(tallies[i].refuted));
        }
        return _hashWords(words);
    }

    function _hashWords(bytes32[] memory words) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := keccak256(add(words, 32), mul(mload(words), 32))
        }
    }

    function _requireSigned(bytes32 digest, bytes[] calldata quorum) private view returns (Signed memory by) {
        (by.votes, by.roster, by.who) = roster.requireQuorum(digest, quorum);
    }

    /// @dev A quorum lifts the decision of `since`, or Cases does after a panel's decision: while the appeal lasts.
    function _requireLifted(uint256 since, bytes32 digest, bytes[] calldata quorum) private view {
        uint256 finalFrom = since + parameters.delays().appeal;
        if (block.timestamp >= finalFrom) revert AppealOver(finalFrom);
        if (msg.sender != staking.cases()) _requireSigned(digest, quorum);
    }

    /// @dev A provider that is ejected already keeps the appeal that it has.
    function _eject(bytes32 providerId, address validator) private {
        Ejection storage ejection = _ejections[providerId];
        if (ejection.since != 0) return;
        ejection.since = uint64(block.timestamp);
        ++ejection.count;
        emit Ejected(providerId, validator);
    }

    /// @dev Without a router its share stays with the provider. The same holds for the recycled share without an emission, and for the
    /// maker's share if the registry names no maker.
    function _split(Batch calldata batch, Line[] calldata lines, Tally[] calldata tallies, Signed memory by)
        private
        returns (Credit[] memory credits, Earned[] memory earned, uint256 gross, uint256 residual)
    {
        Sharing memory sharing = _openCredits(batch.validator, lines.length, tallies.length);
        credits = sharing.credits;
        earned = new Earned[](lines.length);
        for (uint256 i; i < lines.length; ++i) {
            Line calldata line = lines[i];
            uint256 rest = _splitLine(batch, line, sharing, i);
            Earned memory one = earned[i];
            (one.providerId, one.payee, one.amount) = (line.providerId, line.payee, uint128(rest));
            gross += line.gross;
            residual += rest;
        }
        sharing.earnings.amount = residual;
        _countRecycled(sharing.recycled.amount);
        _payVerifiers(batch, tallies, sharing);
        _payCosigners(by, sharing);
    }

    /// @dev As `escrow.disburse(validator, debits, credits)`. A debit has no part of its own length. So all of them are passed on as they
    /// lie in the call, and not read and written one by one. The Escrow refuses dirty ones.
    function _disburse(address validator, Debit[] calldata debits, Credit[] memory credits) private {
        bytes memory tail = abi.encode(credits);
        (address target, bytes32 selector) = (address(escrow), Escrow.disburse.selector);
        assembly ("memory-safe") {
            let size := mul(debits.length, 192)
            // The encoded list after its first word: its length, and two words each.
            let rest := sub(mload(tail), 32)
            let at := mload(64)
            mstore(at, selector)
            mstore(add(at, 4), validator)
            mstore(add(at, 36), 96)
            mstore(add(at, 68), add(128, size))
            mstore(add(at, 100), debits.length)
            calldatacopy(add(at, 132), debits.offset, size)
            mcopy(add(at, add(132, size)), add(tail, 64), rest)
            if iszero(call(gas(), target, 0, at, add(132, add(size, rest)), 0, 0)) {
                returndatacopy(at, 0, returndatasize())
                revert(at, returndatasize())
            }
        }
    }

    function _openCredits(address validator, uint256 lines, uint256 tallies) private view returns (Sharing memory sharing) {
        Parameters.Distribution memory distribution = parameters.distribution();
        sharing.shares = distribution.shares;
        if (address(emission) == address(0)) sharing.shares.recycle = 0;
        sharing.tallies = lines + COMMON;
        sharing.makers = sharing.tallies + tallies;
        Credit[] memory credits = new Credit[](sharing.makers + (sharing.shares.maker == 0 ? 0 : lines));
        sharing.credits = credits;
        sharing.validator = _open(credits[lines], validator);
        sharing.verification = _open(credits[lines + 1], distribution.recipients.verification);
        sharing.treasury = _open(credits[lines + 2], distribution.recipients.treasury);
        sharing.license = _open(credits[lines + 3], distribution.recipients.license);
        sharing.recycled = _open(credits[lines + 4], address(emission));
        sharing.earnings = _open(credits[lines + 5], address(earnings));
        sharing.cosigners = _open(credits[lines + 6], address(_cosigners));
    }

    function _open(Credit memory credit, address payee) private pure returns (Credit memory) {
        credit.payee = payee;
        return credit;
    }

    /// @dev A fine goes to the verification pool before the rest is shared. Every share is rounded down per line, and the provider takes
    /// the rest, so that a line's parts sum exactly to its gross. All shares together are a fifth at most (Parameters), and a list is no
    /// longer than its call. So no part exceeds its whole, and no sum comes near a word.
    function _splitLine(Batch calldata batch, Line calldata line, Sharing memory sharing, uint256 i)
        private
        returns (uint256 rest)
    {
        (address payee, address router, uint128 gross, uint128 fine) = (line.payee, line.router, line.gross, line.fine);
        if (payee == address(0)) revert ZeroPayee();
        if (fine > gross) revert FineAboveGross(fine, gross);
        Shares memory shares = sharing.shares;
        uint256 recycled;
        unchecked {
            uint256 shared = gross - fine;
            sharing.verification.amount += fine;
            recycled = _give(sharing.recycled, shared, shares.recycle);
            rest = shared - recycled - _give(sharing.validator, shared, shares.validator)
                - _give(sharing.verification, shared, shares.verification)
                - _give(sharing.treasury, shared, shares.treasury) - _give(sharing.license, shared, shares.license);
            if (router != address(0)) rest -= _give(_open(sharing.credits[i], router), shared, shares.router);
            if (shares.maker != 0) rest -= _payMaker(line.modelRoot, _part(shared, shares.maker), sharing, i);
        }
        emit Paid(line.providerId, payee, batch.validator, batch.sequence, router, gross, rest, recycled);
    }

    /// @dev Pays the owner of the name that claimed the weights (ModelRegistry.makerOf).
    /// @return The part that is not the provider's.
    function _payMaker(bytes32 modelRoot, uint256 amount, Sharing memory sharing, uint256 i) private returns (uint256) {
        address maker = _models.makerOf(modelRoot);
        if (maker == address(0)) return 0;
        sharing.credits[sharing.makers + i] = Credit(maker, amount);
        emit MakerPaid(maker, modelRoot, amount);
        return amount;
    }

    /// @dev Half of the validators' part, rounded down, belongs to the signers. If no roster names them, it goes to the verification
    /// recipient and is not shared by the batch's verifiers. So no party near a validator gains by ending a roster.
    function _payCosigners(Signed memory by, Sharing memory sharing) private {
        uint256 part = sharing.validator.amount / 2;
        if (part == 0) return;
        sharing.validator.amount -= part;
        if (by.roster == address(0)) {
            sharing.verification.amount += part;
            return;
        }
        sharing.cosigners.amount = part;
        _cosigners.note(by.roster, by.who, by.votes, part);
    }

    function _countRecycled(uint256 amount) private {
        if (amount == 0) return;
        _recycled.push(uint48(block.timestamp / 1 hours), _recycled.latest() + uint208(amount));
    }

    /// @dev The part for verification goes to the payees of the verifiers, by their credits, each part rounded down. The rest stays with
    /// the recipient, and all of it if nobody has credit. Reports that were refuted cost their payees stake.
    function _payVerifiers(
        Batch calldata batch,
        Tally[] calldata tallies,
        Sharing memory sharing
    ) private {
        uint256 pool = sharing.verification.amount;
        uint256 total;
        for (uint256 i; i < tallies.length; ++i) {
            if (tallies[i].payee == address(0)) revert ZeroPayee();
            total += tallies[i].credits;
        }
        for (uint256 i; i < tallies.length; ++i) {
            Tally calldata tally = tallies[i];
            uint256 part = total == 0 ? 0 : pool * tally.credits / total;
            sharing.verification.amount -= part;
            sharing.credits[sharing.tallies + i] = Credit(tally.payee, part);
            emit Verified(tally.payee, batch.validator, batch.sequence, tally.credits, tally.refuted, part);
            if (tally.refuted != 0) staking.penalize(tally.payee, tally.refuted);
        }
    }

    function _give(Credit memory credit, uint256 gross, uint256 share) private pure returns (uint256 part) {
        part = _part(gross, share);
        unchecked {
            credit.amount += part;
        }
    }

    function _part(uint256 gross, uint256 share) private pure returns (uint256) {
        unchecked {
            return gross * share / BASIS;
        }
    }
}
