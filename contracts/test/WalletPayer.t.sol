// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Escrow} from "../src/Escrow.sol";
import {Debit, Line} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, checkEqual, vm} from "./Vm.sol";

/// A small wallet: its owner's key signs for it, and makes it call.
contract Wallet is IERC1271 {
    address private immutable _owner;
    bool public hasChangedItsMind;

    constructor(address owner) {
        _owner = owner;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view virtual returns (bytes4) {
        if (hasChangedItsMind) return 0xffffffff;
        return ECDSA.recover(digest, signature) == _owner ? this.isValidSignature.selector : bytes4(0xffffffff);
    }

    function changeItsMind() external {
        hasChangedItsMind = true;
    }

    function run(address target, bytes calldata data) external {
        (bool ok, bytes memory answer) = target.call(data);
        if (ok) return;
        assembly ("memory-safe") {
            revert(add(answer, 32), mload(answer))
        }
    }
}

/// Answers nobody.
contract DeafWallet is Wallet(address(1)) {
    function isValidSignature(bytes32, bytes calldata) external pure override returns (bytes4) {
        revert("no");
    }
}

/// Takes all gas that it is given.
contract HungryWallet is Wallet(address(1)) {
    function isValidSignature(bytes32, bytes calldata) external pure override returns (bytes4) {
        while (true) {}
        return 0;
    }
}

/// Answers with a word that only begins as it should.
contract VagueWallet is Wallet(address(1)) {
    function isValidSignature(bytes32, bytes calldata) external pure override returns (bytes4) {
        assembly ("memory-safe") {
            mstore(0, or(shl(224, 0x1626ba7e), 1))
            return(0, 32)
        }
    }
}

contract WalletPayerTest is Fixture {
    uint256 private constant OWNER_KEY = 0x0B0E;
    uint256 private constant ORDER_KEY = 0x0B0F;

    Wallet private wallet;

    function setUp() public override {
        super.setUp();
        wallet = new Wallet(vm.addr(OWNER_KEY));
        _fill(wallet);
    }

    function _fill(Wallet which) private {
        token.transfer(address(which), 100);
        which.run(address(token), abi.encodeCall(IERC20.approve, (address(escrow), 100)));
        which.run(address(escrow), abi.encodeCall(Escrow.deposit, (100)));
        which.run(address(escrow), abi.encodeCall(Escrow.admit, (validator, 100)));
    }

    function _consent(address who, uint128 limit, uint256 key) private view returns (bytes memory) {
        return _signature(key, escrow.orderKeyDigest(who, validator, vm.addr(ORDER_KEY), limit));
    }

    function _allow(uint128 limit) private {
        escrow.allowKey(address(wallet), validator, vm.addr(ORDER_KEY), limit, _consent(address(wallet), limit, OWNER_KEY));
    }

    function _walletDebit(uint256 key, uint128 amount, uint128 cumulative) private view returns (Debit memory) {
        bytes32 digest = escrow.orderDigest(address(wallet), validator, cumulative, TERMS);
        return _signedDebit(key, address(wallet), amount, cumulative, digest);
    }

    function _settleWallet(uint64 sequence, uint256 key, uint128 amount, uint128 cumulative) private {
        _submit(_batch(sequence), _one(_walletDebit(key, amount, cumulative)), _one(Line(KEY, PROVIDER, ROUTER, amount, 0, 0)));
    }

    function test_aKeyThatTheWalletAllowedSignsItsOrders() public {
        _allow(60);
        _settleWallet(1, ORDER_KEY, 40, 60);
        checkEqual(escrow.channelOf(address(wallet), validator).spent, 40, "spent");
    }

    function test_noMoreThanItsLimitIsDrawn() public {
        _allow(60);
        Debit[] memory debits = _one(_walletDebit(ORDER_KEY, 40, 61));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, 40, 0, 0));
        bytes[] memory quorum = _quorum(settlement.batchDigest(_batch(1), debits, lines, new bytes32[](0), _idle()), 3);
        vm.expectRevert(abi.encodeWithSelector(Escrow.BadPayerSignature.selector, address(wallet)));
        settlement.settle(_batch(1), debits, lines, new bytes32[](0), _idle(), quorum);
    }

    function test_anotherKeySignsNothing() public {
        _allow(60);
        Debit[] memory debits = _one(_walletDebit(OWNER_KEY, 40, 60));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, 40, 0, 0));
        bytes[] memory quorum = _quorum(settlement.batchDigest(_batch(1), debits, lines, new bytes32[](0), _idle()), 3);
        vm.expectRevert(abi.encodeWithSelector(Escrow.BadPayerSignature.selector, address(wallet)));
        settlement.settle(_batch(1), debits, lines, new bytes32[](0), _idle(), quorum);
    }

    function test_aWalletThatChangesItsMindTakesNothingBack() public {
        _allow(60);
        wallet.changeItsMind();
        _settleWallet(1, ORDER_KEY, 40, 60);
        bytes memory consent = _consent(address(wallet), 61, OWNER_KEY);
        vm.expectRevert(abi.encodeWithSelector(Escrow.NoConsent.selector, address(wallet)));
        escrow.allowKey(address(wallet), validator, vm.addr(ORDER_KEY), 61, consent);
    }

    function test_aLimitOnlyGrows() public {
        _allow(60);
        bytes memory consent = _consent(address(wallet), 60, OWNER_KEY);
        vm.expectRevert(abi.encodeWithSelector(Escrow.LimitNotRaised.selector, 60));
        escrow.allowKey(address(wallet), validator, vm.addr(ORDER_KEY), 60, consent);
        _allow(61);
        checkEqual(escrow.keyLimitOf(address(wallet), validator, vm.addr(ORDER_KEY)), 61, "limit");
    }

    function test_aConsentIsForOneKeyAtOneValidator() public {
        bytes memory consent = _consent(address(wallet), 60, OWNER_KEY);
        vm.expectRevert(abi.encodeWithSelector(Escrow.NoConsent.selector, address(wallet)));
        escrow.allowKey(address(wallet), validator, address(0xBAD), 60, consent);
        vm.expectRevert(abi.encodeWithSelector(Escrow.NoConsent.selector, address(wallet)));
        escrow.allowKey(address(wallet), address(0xBAD), vm.addr(ORDER_KEY), 60, consent);
        vm.expectRevert(Escrow.ZeroKey.selector);
        escrow.allowKey(address(wallet), validator, address(0), 60, consent);
    }

    function test_walletsThatRefuseRevertRunOnOrMumbleAllowNothing() public {
        Wallet[3] memory bad = [Wallet(new DeafWallet()), new HungryWallet(), new VagueWallet()];
        for (uint256 i; i < bad.length; ++i) {
            bytes memory consent = _consent(address(bad[i]), 60, OWNER_KEY);
            vm.expectRevert(abi.encodeWithSelector(Escrow.NoConsent.selector, address(bad[i])));
            escrow.allowKey{gas: 1_000_000}(address(bad[i]), validator, vm.addr(ORDER_KEY), 60, consent);
        }
    }

    function test_noWalletIsAskedWhenABatchSettles() public {
        HungryWallet hungry = new HungryWallet();
        _fill(hungry);
        wallet = hungry;
        wallet.run(address(escrow), abi.encodeCall(Escrow.allowKey, (address(wallet), validator, vm.addr(ORDER_KEY), 60, "")));
        _settleWallet(1, ORDER_KEY, 40, 60);
        checkEqual(escrow.channelOf(address(wallet), validator).spent, 40, "spent");
    }

    function test_aLienIsTakenUnderTheKey() public {
        _allow(60);
        wallet.run(address(escrow), abi.encodeCall(Escrow.requestRelease, (validator, 100)));
        Debit memory debit = _walletDebit(ORDER_KEY, 0, 50);
        escrow.takeLien(address(wallet), validator, 50, TERMS, _long(debit));
        debit = _walletDebit(ORDER_KEY, 0, 61);
        vm.expectRevert(abi.encodeWithSelector(Escrow.BadPayerSignature.selector, address(wallet)));
        escrow.takeLien(address(wallet), validator, 61, TERMS, _long(debit));
    }

    function test_anAccountWithAKeyAllowsOthers() public {
        _fund(payer, 100, 100);
        bytes memory consent = _consent(payer, 60, PAYER_KEY);
        escrow.allowKey(payer, validator, vm.addr(ORDER_KEY), 60, consent);
        checkEqual(escrow.keyLimitOf(payer, validator, vm.addr(ORDER_KEY)), 60, "limit");
        consent = _consent(payer, 61, ORDER_KEY);
        vm.expectRevert(abi.encodeWithSelector(Escrow.NoConsent.selector, payer));
        escrow.allowKey(payer, validator, vm.addr(ORDER_KEY), 61, consent);
    }

    /// For any allowances and draws in any order, no more than the limit leaves the channel.
    function testFuzz_drawsStayWithinTheLimit(uint128 limit, uint128 first, uint128 second) public {
        limit = uint128(bound(limit, 1, 100));
        first = uint128(bound(first, 0, limit));
        second = uint128(bound(second, 0, limit - first));
        _allow(limit);
        _settleWallet(1, ORDER_KEY, first, limit);
        _settleWallet(2, ORDER_KEY, second, limit);
        checkEqual(escrow.channelOf(address(wallet), validator).spent, uint256(first) + second, "spent");
        vm.expectPartialRevert(Escrow.VoucherExceeded.selector);
        this.settleMore(3, limit + 1 - first - second, limit);
    }

    function settleMore(uint64 sequence, uint128 amount, uint128 cumulative) external {
        _settleWallet(sequence, ORDER_KEY, amount, cumulative);
    }
}
