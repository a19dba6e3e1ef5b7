// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Parameters} from "./Parameters.sol";
import {ICredits, Payment} from "./libraries/Payment.sol";
import {Credit, Debit, Terms} from "./libraries/Types.sol";

/// @title Deposits of payers and claims of payees
/// @notice A payer's money is free, or reserved in a channel with one validator. Only the settlement contract draws on a channel, and only
/// as far as the payer signed. Both are checked here, so that the vault does not depend on the contract that it pays for. Tokens held =
/// free + reserved + credit, always.
contract Escrow is EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    bytes32 private constant TERMS_TYPEHASH = keccak256(
        "Terms(bytes32 requestHash,bytes32 nonce,bytes32 modelRoot,bytes32 providerId,address payee,address router,uint8 choice,uint32 contextSize,uint128 maxFee,uint128 pricePer1k,uint64 epoch,uint64 expiresAt)"
    );
    bytes32 private constant ORDER_TYPEHASH = keccak256(
        "Order(address payer,address validator,uint128 cumulative,Terms terms)Terms(bytes32 requestHash,bytes32 nonce,bytes32 modelRoot,bytes32 providerId,address payee,address router,uint8 choice,uint32 contextSize,uint128 maxFee,uint128 pricePer1k,uint64 epoch,uint64 expiresAt)"
    );

    bytes32 private constant ORDER_KEY_TYPEHASH =
        keccak256("OrderKey(address payer,address validator,address key,uint128 cumulative)");

    /// Of one draw in an event.
    uint256 private constant DRAW_BYTES = 52;

    struct Channel {
        /// Sum of all reserves, less releases.
        uint128 admitted;
        /// All that was ever drawn; never above `admitted`.
        uint128 spent;
        /// Asked back: validators admit no order against it.
        uint128 releasing;
        uint64 releasableAt;
        /// Up to this much, counted as `spent` is, nothing is released before `lienUntil`; 0 until a lien of this request is taken.
        uint128 lien;
        uint64 lienUntil;
    }

    IERC20 public immutable token;
    Parameters public immutable parameters;
    /// The only contract that may move money from channels to payees: the one that created this escrow.
    address public immutable settlement;
    /// The network pays in credit, which lapses while it is free and ends when it is claimed.
    bool public immutable isCredit;

    mapping(address payer => uint256) public freeOf;
    mapping(address payer => mapping(address validator => Channel)) private _channels;
    mapping(address payee => uint256) public creditOf;
    /// Up to how much, counted as `spent` is, a key signs orders for another account. It only grows, so that no order that a key
    /// has signed is ever worth less than when it was taken.
    mapping(address payer => mapping(address validator => mapping(address key => uint128))) public keyLimitOf;

    event OrderKeyAllowed(address indexed payer, address indexed validator, address indexed key, uint128 cumulative);
    event Deposited(address indexed payer, uint256 amount);
    event Withdrawn(address indexed payer, uint256 amount);
    event Admitted(address indexed payer, address indexed validator, uint128 amount, uint128 admitted);
    event ReleaseRequested(address indexed payer, address indexed validator, uint128 amount, uint64 releasableAt);
    event LienTaken(address indexed payer, address indexed validator, uint128 cumulative, uint64 lienUntil);
    event Released(address indexed payer, address indexed validator, uint128 amount);
    /// @param draws For each debit payer (20 bytes), amount and the channel's total draws (16 each): one event costs a third of many.
    event Drawn(address indexed validator, bytes draws);
    event Claimed(address indexed payee, uint256 amount);

    error ZeroAmount();
    error InsufficientFree(uint256 free, uint256 requested);
    error InsufficientReserve(uint256 reserved, uint256 requested);
    error NothingToRelease();
    error TooEarly(uint256 readyAt);
    error NothingToClaim();
    error NotSettlement(address caller);
    error BadPayerSignature(address payer);
    error VoucherExceeded(address payer, uint256 spent, uint256 cumulative);
    error NoConsent(address payer);
    error LimitNotRaised(uint256 limit);
    error ZeroKey();
    error LienTakenAlready(uint256 lien);
    error AllowanceExceeded(address payer, uint256 spent, uint256 admitted);
    error Unbalanced(uint256 debited, uint256 credited);

    /// @dev To be created by the settlement contract.
    constructor(IERC20 token_, Parameters parameters_) EIP712("OGONG", "1") {
        token = token_;
        parameters = parameters_;
        settlement = msg.sender;
        isCredit = Payment.isCredit(token_);
    }

    /// @notice Adds to the caller's free balance.
    function deposit(uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        parameters.requireEntry();
        freeOf[msg.sender] += amount;
        emit Deposited(msg.sender, amount);
        Payment.take(token, msg.sender, amount);
    }

    /// @notice Takes free balance back, at once.
    function withdraw(uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        _takeFree(amount);
        emit Withdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @notice Reserves free balance for orders that name `validator`. A reserved amount is there when the validator settles, however many
    /// orders the caller signs elsewhere.
    function admit(address validator, uint128 amount) external {
        if (amount == 0) revert ZeroAmount();
        _takeFree(amount);
        Channel storage channel = _channels[msg.sender][validator];
        channel.admitted += amount;
        emit Admitted(msg.sender, validator, amount, channel.admitted);
    }

    /// @notice Lets a key sign orders for a payer at one validator, up to `cumulative` in all; more than before. So contract accounts can
    /// pay, though they cannot sign: their code is asked here, once, and never when a batch settles.
    /// @param consent Of the payer, over `orderKeyDigest`: by its key, or by its code (ERC-1271). Ignored if the payer itself calls.
    function allowKey(address payer, address validator, address key, uint128 cumulative, bytes calldata consent) external {
        if (key == address(0)) revert ZeroKey();
        uint128 limit = keyLimitOf[payer][validator][key];
        if (cumulative <= limit) revert LimitNotRaised(limit);
        bytes32 digest = orderKeyDigest(payer, validator, key, cumulative);
        if (msg.sender != payer && !SignatureChecker.isValidSignatureNowCalldata(payer, digest, consent)) {
            revert NoConsent(payer);
        }
        keyLimitOf[payer][validator][key] = cumulative;
        emit OrderKeyAllowed(payer, validator, key, cumulative);
    }

    /// @notice Asks for unspent reserve back. Replaces an earlier request and restarts its delay; zero cancels it.
    function requestRelease(address validator, uint128 amount) external {
        Channel storage channel = _channels[msg.sender][validator];
        uint256 reserved = channel.admitted - channel.spent;
        if (amount > reserved) revert InsufficientReserve(reserved, amount);
        channel.releasing = amount;
        channel.releasableAt = uint64(block.timestamp) + parameters.limits().withdrawalDelay;
        channel.lienUntil = 0;
        emit ReleaseRequested(msg.sender, validator, amount, channel.releasableAt);
    }

    /// @notice Keeps the amount of a voucher in the channel for one delay more, while its payer asks it back. Anyone may call this. A lien
    /// of a request only grows, and repeated calls do not move its end.
    function takeLien(
        address payer,
        address validator,
        uint128 cumulative,
        bytes32 termsHash,
        bytes calldata signature
    ) external {
        Channel storage channel = _channels[payer][validator];
        if (channel.releasing == 0) revert NothingToRelease();
        (address signer, ECDSA.RecoverError failure,) =
            ECDSA.tryRecoverCalldata(orderDigest(payer, validator, cumulative, termsHash), signature);
        _requireSigner(payer, validator, cumulative, signer, failure);
        if (channel.lienUntil == 0) channel.lienUntil = channel.releasableAt + parameters.limits().withdrawalDelay;
        else if (cumulative <= channel.lien) revert LienTakenAlready(channel.lien);
        channel.lien = cumulative;
        emit LienTaken(payer, validator, cumulative, channel.lienUntil);
    }

    /// @notice Frees a requested amount, unless it was drawn in the meantime. An amount under a lien stays requested.
    function finishRelease(address validator) external {
        Channel storage channel = _channels[msg.sender][validator];
        if (channel.releasing == 0) revert NothingToRelease();
        if (block.timestamp < channel.releasableAt) revert TooEarly(channel.releasableAt);
        bool isHeld = channel.lien > channel.spent && block.timestamp < channel.lienUntil;
        uint128 kept = isHeld ? channel.lien : channel.spent;
        uint128 reserved = channel.admitted > kept ? channel.admitted - kept : 0;
        uint128 amount = channel.releasing < reserved ? channel.releasing : reserved;
        if (isHeld && amount == 0) revert TooEarly(channel.lienUntil);
        channel.releasing = isHeld ? channel.releasing - amount : 0;
        channel.admitted -= amount;
        freeOf[msg.sender] += amount;
        emit Released(msg.sender, validator, amount);
    }

    /// @notice Pays out all credit of the caller, or so much of it as the present epoch can pay for.
    function claim() external nonReentrant returns (uint256 amount) {
        uint256 credit = creditOf[msg.sender];
        if (credit == 0) revert NothingToClaim();
        creditOf[msg.sender] = 0;
        amount = Payment.pay(token, isCredit, msg.sender, credit);
        creditOf[msg.sender] += credit - amount;
        emit Claimed(msg.sender, amount);
    }

    /// @notice Moves the whole amount of the debits to the payees of the credits.
    function disburse(address validator, Debit[] calldata debits, Credit[] calldata credits) external {
        if (msg.sender != settlement) revert NotSettlement(msg.sender);
        uint256 debited = _draw(validator, debits);
        uint256 credited;
        for (uint256 i; i < credits.length; ++i) {
            uint256 amount = credits[i].amount;
            if (amount == 0) continue;
            creditOf[credits[i].payee] += amount;
            credited += amount;
        }
        if (debited != credited) revert Unbalanced(debited, credited);
    }

    /// @notice Transfers credit of the caller to another account, which claims it. The pots of co-signers pay in this way.
    function passOn(address to, uint256 amount) external {
        creditOf[msg.sender] -= amount;
        creditOf[to] += amount;
    }

    function channelOf(address payer, address validator) external view returns (Channel memory) {
        return _channels[payer][validator];
    }

    /// @notice EIP-712 hashStruct of an order's terms.
    function hashTerms(Terms calldata terms) external pure returns (bytes32) {
        return keccak256(abi.encode(TERMS_TYPEHASH, terms));
    }

    /// @notice The digest that a payer signs: leave to draw up to `cumulative` in all from its channel with `validator`.
    function orderDigest(address payer, address validator, uint128 cumulative, bytes32 termsHash)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(ORDER_TYPEHASH, payer, validator, cumulative, termsHash)));
    }

    /// @notice The digest that a payer's consent to a key is over.
    function orderKeyDigest(address payer, address validator, address key, uint128 cumulative) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ORDER_KEY_TYPEHASH, payer, validator, key, cumulative)));
    }

    function _takeFree(uint256 amount) private {
        uint256 free = freeOf[msg.sender];
        if (isCredit) free = ICredits(address(token)).lapse(msg.sender, free);
        if (amount > free) revert InsufficientFree(free, amount);
        freeOf[msg.sender] = free - amount;
    }

    /// @dev The part that all orders share is written once. The part that differs overwrites that of the order before. `orderDigest` says
    /// the same.
    function _draw(address validator, Debit[] calldata debits) private returns (uint256 debited) {
        bytes32 domain = _domainSeparatorV4();
        bytes memory order = abi.encode(ORDER_TYPEHASH, 0, validator, 0, 0);
        // A word more: the last one is written beyond its end.
        bytes memory draws = new bytes(debits.length * DRAW_BYTES + 32);
        for (uint256 i; i < debits.length; ++i) {
            Debit calldata debit = debits[i];
            (address payer, uint128 amount, uint128 cumulative) = (debit.payer, debit.amount, debit.cumulative);
            bytes32 termsHash = debit.termsHash;
            bytes32 orderHash;
            assembly ("memory-safe") {
                mstore(add(order, 64), payer)
                mstore(add(order, 128), cumulative)
                mstore(add(order, 160), termsHash)
                orderHash := keccak256(add(order, 32), 160)
            }
            bytes32 digest = MessageHashUtils.toTypedDataHash(domain, orderHash);
            (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, debit.r, debit.vs);
            _requireSigner(payer, validator, cumulative, signer, failure);
            Channel storage channel = _channels[payer][validator];
            uint256 spent;
            unchecked {
                spent = uint256(channel.spent) + amount;
                debited += amount;
            }
            uint256 admitted = channel.admitted;
            if (spent > cumulative) revert VoucherExceeded(payer, spent, cumulative);
            if (spent > admitted) revert AllowanceExceeded(payer, spent, admitted);
            channel.spent = uint128(spent);
            assembly ("memory-safe") {
                let at := add(add(draws, 32), mul(i, DRAW_BYTES))
                mstore(at, shl(96, payer))
                mstore(add(at, 20), shl(128, amount))
                mstore(add(at, 36), shl(128, spent))
            }
        }
        if (debits.length == 0) return 0;
        assembly ("memory-safe") {
            mstore(draws, sub(mload(draws), 32))
        }
        emit Drawn(validator, draws);
    }

    function _requireSigner(
        address payer,
        address validator,
        uint128 cumulative,
        address signer,
        ECDSA.RecoverError failure
    ) private view {
        if (failure != ECDSA.RecoverError.NoError) revert BadPayerSignature(payer);
        if (signer != payer && cumulative > keyLimitOf[payer][validator][signer]) revert BadPayerSignature(payer);
    }
}
