// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {Credit, Debit} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";
import {checkEqual, vm} from "./Vm.sol";

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

    function test_whatIsSettledDuringTheDelayIsNotReleased() public {
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
