// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Credits} from "../src/Credits.sol";
import {Escrow} from "../src/Escrow.sol";
import {BurnMintFixture} from "./BurnMintFixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

contract CreditsTest is BurnMintFixture {
    function test_nobodyTransfersCredits() public {
        _topUp(payer, 100e6);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Credits.NotTransferable.selector, payer, PROVIDER));
        credits.transfer(PROVIDER, 1);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Credits.NotTransferable.selector, payer, PROVIDER));
        credits.transferFrom(payer, PROVIDER, 1);
        address vault = address(escrow);
        vm.prank(vault);
        vm.expectRevert(abi.encodeWithSelector(Credits.NotTransferable.selector, payer, PROVIDER));
        credits.transferFrom(payer, PROVIDER, 1);
        // The escrow asks for its caller's. Nobody else brings them there.
        vm.prank(PROVIDER);
        vm.expectRevert(abi.encodeWithSelector(Credits.NotTransferable.selector, payer, vault));
        credits.transferFrom(payer, vault, 1);
        checkEqual(credits.allowance(payer, PROVIDER), 0, "no allowance");
        check(credits.allowance(payer, vault) > 0, "the escrow's");
    }

    function test_onlyItsPartsCall() public {
        vm.expectRevert(abi.encodeWithSelector(Credits.NotIssuer.selector, address(this)));
        credits.issue(payer, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(Credits.NotTransferable.selector, address(this), payer));
        credits.consume(payer, 1);
        vm.expectRevert(abi.encodeWithSelector(Credits.NotTransferable.selector, payer, address(this)));
        credits.lapse(payer, 1);
    }

    function test_aWalletsCreditsAreGoneAfterThirtyDays() public {
        uint256 issued = _topUp(payer, 100e6);
        uint256 backing = credits.backing();
        _wait(30 days - 1);
        checkEqual(credits.balanceOf(payer), issued, "the last second");
        _wait(1);
        checkEqual(credits.balanceOf(payer), 0, "gone");
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Credits.NotEnough.selector, 0, 1));
        escrow.deposit(1);
        credits.lapseWallet(payer);
        checkEqual(credits.totalSupply(), 0, "destroyed");
        checkEqual(credits.backing(), 0, "nobody is paid for them");
        check(backing > 0, "there was some");
    }

    function test_freeCreditsInTheEscrowLapseToo() public {
        uint256 issued = _topUp(payer, 100e6);
        vm.prank(payer);
        escrow.deposit(issued);
        _wait(20 days);
        _price(CENT_10);
        uint256 younger = _topUp(payer, 50e6);
        vm.prank(payer);
        escrow.deposit(younger);
        _wait(10 days);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Escrow.InsufficientFree.selector, younger, younger + 1));
        escrow.admit(validator, uint128(younger + 1));
        vm.prank(payer);
        escrow.admit(validator, uint128(younger));
        checkEqual(credits.totalSupply(), younger, "the older are destroyed");
        checkEqual(credits.balanceOf(address(escrow)), younger, "and not held");
        checkEqual(escrow.freeOf(payer), 0, "nothing is left free");
    }

    /// Credits that a validator reserves stay, and lapse once nobody reserves them.
    function test_reservedCreditsLapseWhenTheyAreFree() public {
        uint256 issued = _topUp(payer, 100e6);
        _reserve(issued);
        _wait(40 days);
        _settle(1, 10e18, 10e18);
        checkEqual(escrow.creditOf(TREASURY), 0.5e18, "the job is paid");
        uint128 rest = uint128(issued - 10e18);
        vm.prank(payer);
        escrow.requestRelease(validator, rest);
        _wait(DELAY);
        vm.prank(payer);
        escrow.finishRelease(validator);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Escrow.InsufficientFree.selector, 0, 1));
        escrow.withdraw(1);
    }

    /// In and out of the escrow, nothing becomes younger.
    function test_aRefundKeepsItsAge() public {
        uint256 issued = _topUp(payer, 100e6);
        vm.prank(payer);
        escrow.deposit(issued);
        _wait(29 days);
        vm.prank(payer);
        escrow.withdraw(issued);
        checkEqual(credits.balanceOf(payer), issued, "back");
        vm.prank(payer);
        escrow.deposit(issued);
        vm.prank(payer);
        escrow.withdraw(issued);
        _wait(1 days);
        checkEqual(credits.balanceOf(payer), 0, "gone all the same");
    }

    /// The oldest are spent first, so that what is left is the youngest.
    function test_theOldestAreSpentFirst() public {
        uint256 first = _topUp(payer, 100e6);
        _wait(20 days);
        _price(CENT_10);
        uint256 second = _topUp(payer, 100e6);
        _reserve(first);
        _settle(1, uint128(first), uint128(first));
        _wait(10 days);
        checkEqual(credits.balanceOf(payer), second, "the second stays");
    }

    /// Random deposits, refunds, reserves and waits: supply is what wallets and escrow hold, and nothing comes back to life.
    function testFuzz_supplyIsTheSumOfBalances(uint256 seed) public {
        uint256 issuedSum;
        for (uint256 i; i < 24; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 kind = seed % 6;
            uint256 share = (seed >> 8) % 101;
            if (kind == 0) {
                _price(CENT_10);
                issuedSum += _topUp(payer, 1e6 + (seed >> 16) % 1_000e6);
            } else if (kind == 1) {
                _wait((seed >> 16) % 9 days);
            } else if (kind == 2) {
                _try(abi.encodeCall(Escrow.deposit, (credits.balanceOf(payer) * share / 100)));
            } else if (kind == 3) {
                _try(abi.encodeCall(Escrow.withdraw, (escrow.freeOf(payer) * share / 100)));
            } else if (kind == 4) {
                _try(abi.encodeCall(Escrow.admit, (validator, uint128(escrow.freeOf(payer) * share / 200))));
            } else {
                credits.lapseWallet(payer);
            }
            Escrow.Channel memory channel = escrow.channelOf(payer, validator);
            uint256 held = credits.balanceOf(address(escrow));
            checkEqual(held, escrow.freeOf(payer) + channel.admitted - channel.spent, "the escrow's");
            check(credits.totalSupply() >= held + credits.balanceOf(payer), "supply");
            check(credits.totalSupply() <= issuedSum, "issued");
        }
        credits.lapseWallet(payer);
        checkEqual(credits.totalSupply(), credits.balanceOf(address(escrow)) + credits.balanceOf(payer), "all of it");
        _wait(31 days);
        checkEqual(credits.balanceOf(payer), 0, "gone");
        _try(abi.encodeCall(Escrow.withdraw, (1)));
        checkEqual(credits.balanceOf(payer), 0, "nothing comes back");
    }

    function _try(bytes memory data) private {
        vm.prank(payer);
        (bool done,) = address(escrow).call(data);
        done;
    }

    function testFuzz_partsSumToNoMore(uint256 backing, uint256 supply, uint256 a, uint256 b) public view {
        supply = bound(supply, 1, 1e40);
        backing = bound(backing, 0, 1e36);
        a = bound(a, 0, supply);
        b = bound(b, 0, supply - a);
        uint256 first = credits.partOf(backing, supply, a);
        uint256 second = credits.partOf(backing - first, supply - a, b);
        check(first + second <= backing, "no more than there is");
        if (a + b == supply && b > 0) checkEqual(first + second, backing, "all of it at last");
    }
}
