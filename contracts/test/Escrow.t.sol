// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {Credit, Debit} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

contract EscrowTest is Fixture {
    function test_freeBalanceIsWithdrawnAtOnce() public {
        _fund(payer, 100, 30);
        vm.prank(payer);
        escrow.withdraw(70);
        checkEqual(token.balanceOf(payer), 70, "tokens");
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Escrow.InsufficientFree.selector, 0, 1));
        escrow.withdraw(1);
    }

    function test_moreThanTheDepositIsNeverAdmitted() public {
        _fund(payer, 100, 60);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Escrow.InsufficientFree.selector, 40, 41));
        escrow.admit(address(1), 41);
        vm.prank(payer);
        escrow.admit(address(1), 40);
    }

    function test_releaseWaitsForTheDelay() public {
        _fund(payer, 100, 100);
        vm.prank(payer);
        escrow.requestRelease(validator, 80);
        uint256 readyAt = block.timestamp + DELAY;
        vm.warp(readyAt - 1);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Escrow.TooEarly.selector, readyAt));
        escrow.finishRelease(validator);
        vm.warp(readyAt);
        vm.prank(payer);
        escrow.finishRelease(validator);
        checkEqual(escrow.freeOf(payer), 80, "free");
        checkEqual(escrow.channelOf(payer, validator).admitted, 20, "admitted");
        vm.prank(payer);
        vm.expectRevert(Escrow.NothingToRelease.selector);
        escrow.finishRelease(validator);
    }

    function test_settledMoneyIsNotReleased() public {
        _fund(payer, 100, 100);
        vm.prank(payer);
        escrow.requestRelease(validator, 80);
        _settle(1, 90, 90);
        vm.warp(block.timestamp + DELAY);
        vm.prank(payer);
        escrow.finishRelease(validator);
        checkEqual(escrow.freeOf(payer), 10, "free");
        checkEqual(escrow.channelOf(payer, validator).admitted, 90, "admitted");
    }

    function test_secondRequestRestartsTheDelay() public {
        _fund(payer, 100, 100);
        vm.prank(payer);
        escrow.requestRelease(validator, 1);
        vm.warp(block.timestamp + DELAY - 1);
        vm.prank(payer);
        escrow.requestRelease(validator, 100);
        vm.warp(block.timestamp + 1);
        vm.prank(payer);
        vm.expectPartialRevert(Escrow.TooEarly.selector);
        escrow.finishRelease(validator);
    }

    function test_requestOfZeroCancels() public {
        _fund(payer, 100, 100);
        vm.prank(payer);
        escrow.requestRelease(validator, 50);
        vm.prank(payer);
        escrow.requestRelease(validator, 0);
        vm.warp(block.timestamp + DELAY);
        vm.prank(payer);
        vm.expectRevert(Escrow.NothingToRelease.selector);
        escrow.finishRelease(validator);
    }

    function _takeLien(uint128 cumulative) private {
        Debit memory debit = _debit(PAYER_KEY, 0, cumulative);
        escrow.takeLien(payer, validator, cumulative, debit.termsHash, _long(debit));
    }

    function _request(uint128 amount) private {
        vm.prank(payer);
        escrow.requestRelease(validator, amount);
    }

    function _finish() private {
        vm.prank(payer);
        escrow.finishRelease(validator);
    }

    function test_lienKeepsTheAmountOfAVoucherForOneDelayMore() public {
        _fund(payer, 100, 100);
        _request(80);
        _takeLien(70);
        uint256 releasableAt = block.timestamp + DELAY;
        vm.warp(releasableAt);
        _finish();
        checkEqual(escrow.freeOf(payer), 30, "free beside the lien");
        checkEqual(escrow.channelOf(payer, validator).releasing, 50, "still asked back");
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Escrow.TooEarly.selector, releasableAt + DELAY));
        escrow.finishRelease(validator);
        _settle(1, 60, 60);
        vm.warp(releasableAt + DELAY - 1);
        vm.prank(payer);
        vm.expectPartialRevert(Escrow.TooEarly.selector);
        escrow.finishRelease(validator);
        vm.warp(releasableAt + DELAY);
        _finish();
        checkEqual(escrow.freeOf(payer), 40, "free after the lien");
        checkEqual(escrow.channelOf(payer, validator).admitted, 60, "admitted");
        vm.prank(payer);
        vm.expectRevert(Escrow.NothingToRelease.selector);
        escrow.finishRelease(validator);
    }

    function test_lienOfADrawnAmountHoldsNothing() public {
        _fund(payer, 100, 100);
        _request(80);
        _takeLien(40);
        _settle(1, 40, 40);
        vm.warp(block.timestamp + DELAY);
        _finish();
        checkEqual(escrow.freeOf(payer), 60, "free");
    }

    function test_lienAboveTheReserveKeepsTheReserve() public {
        _fund(payer, 100, 100);
        _request(100);
        _takeLien(150);
        vm.warp(block.timestamp + DELAY);
        vm.prank(payer);
        vm.expectPartialRevert(Escrow.TooEarly.selector);
        escrow.finishRelease(validator);
        vm.warp(block.timestamp + DELAY);
        _finish();
        checkEqual(escrow.freeOf(payer), 100, "free");
    }

    /// For any reserve, request, voucher and draw, nothing under a lien is free before its end. No unit is lost.
    function testFuzz_aReleaseLeavesTheAmountsOfVouchers(uint64 reserved, uint64 asked, uint64 voucher, uint64 drawn) public {
        reserved = uint64(bound(reserved, 1, type(uint64).max));
        asked = uint64(bound(asked, 1, reserved));
        voucher = uint64(bound(voucher, 1, type(uint64).max));
        drawn = uint64(bound(drawn, 0, voucher < reserved ? voucher : reserved));
        _fund(payer, reserved, reserved);
        _request(asked);
        _takeLien(voucher);
        vm.warp(block.timestamp + DELAY);
        vm.prank(payer);
        // It fails where the lien keeps all of it.
        try escrow.finishRelease(validator) {} catch {}
        Escrow.Channel memory channel = escrow.channelOf(payer, validator);
        check(channel.admitted >= (voucher < reserved ? voucher : reserved), "what the voucher covers is there");
        _settle(1, drawn, voucher);
        vm.warp(block.timestamp + DELAY);
        vm.prank(payer);
        try escrow.finishRelease(validator) {} catch {}
        channel = escrow.channelOf(payer, validator);
        checkEqual(channel.spent, drawn, "drawn");
        checkEqual(escrow.freeOf(payer) + channel.admitted, reserved, "no unit is lost");
        uint256 unspent = reserved - drawn;
        checkEqual(escrow.freeOf(payer), asked < unspent ? asked : unspent, "all that was asked back and not drawn");
    }

    function test_lienOnlyGrowsAndNeverLastsLonger() public {
        _fund(payer, 100, 100);
        _request(80);
        _takeLien(40);
        uint64 lienUntil = escrow.channelOf(payer, validator).lienUntil;
        vm.warp(block.timestamp + DELAY / 2);
        _takeLien(50);
        checkEqual(escrow.channelOf(payer, validator).lienUntil, lienUntil, "end");
        Debit memory debit = _debit(PAYER_KEY, 0, 50);
        vm.expectRevert(abi.encodeWithSelector(Escrow.LienTakenAlready.selector, 50));
        escrow.takeLien(payer, validator, 50, debit.termsHash, _long(debit));
    }

    function test_lienNeedsTheWordOfThePayerAndARequest() public {
        _fund(payer, 100, 100);
        Debit memory debit = _debit(PAYER_KEY, 0, 40);
        vm.expectRevert(Escrow.NothingToRelease.selector);
        escrow.takeLien(payer, validator, 40, debit.termsHash, _long(debit));
        _request(80);
        vm.expectRevert(abi.encodeWithSelector(Escrow.BadPayerSignature.selector, payer));
        escrow.takeLien(payer, validator, 41, debit.termsHash, _long(debit));
        Debit memory foreign = _debit(PAYER_KEY + 1, 0, 40);
        vm.expectRevert(abi.encodeWithSelector(Escrow.BadPayerSignature.selector, payer));
        escrow.takeLien(payer, validator, 40, foreign.termsHash, _long(foreign));
        vm.expectRevert(abi.encodeWithSelector(Escrow.BadPayerSignature.selector, payer));
        escrow.takeLien(payer, validator, 40, debit.termsHash, hex"00");
    }

    function test_anotherRequestTakesAnotherLien() public {
        _fund(payer, 100, 100);
        _request(80);
        _takeLien(40);
        _request(80);
        vm.warp(block.timestamp + DELAY);
        _takeLien(40);
        _finish();
        checkEqual(escrow.freeOf(payer), 60, "free");
    }

    function test_spentAllowanceCannotBeReleased() public {
        _fund(payer, 100, 100);
        _settle(1, 60, 60);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Escrow.InsufficientReserve.selector, 40, 41));
        escrow.requestRelease(validator, 41);
    }

    function test_creditIsClaimedOnce() public {
        _fund(payer, 100_000, 100_000);
        _settle(1, 100_000, 100_000);
        vm.prank(ROUTER);
        escrow.claim();
        checkEqual(token.balanceOf(ROUTER), 1_000, "tokens");
        vm.prank(ROUTER);
        vm.expectRevert(Escrow.NothingToClaim.selector);
        escrow.claim();
    }

    function test_onlySettlementMovesMoney() public {
        _fund(payer, 100, 100);
        Credit[] memory credits = new Credit[](1);
        credits[0] = Credit(address(this), 100);
        Debit[] memory debits = _one(_debit(PAYER_KEY, 100, 100));
        vm.expectRevert(abi.encodeWithSelector(Escrow.NotSettlement.selector, address(this)));
        escrow.disburse(validator, debits, credits);
    }

    function test_settlementCannotCreditMoreThanItDebits() public {
        _fund(payer, 100, 100);
        Credit[] memory credits = new Credit[](1);
        credits[0] = Credit(address(this), 101);
        Debit[] memory debits = _one(_debit(PAYER_KEY, 100, 100));
        vm.prank(address(settlement));
        vm.expectRevert(abi.encodeWithSelector(Escrow.Unbalanced.selector, 100, 101));
        escrow.disburse(validator, debits, credits);
    }
}
