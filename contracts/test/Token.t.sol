// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {Genesis, OgongToken} from "../src/OgongToken.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

contract TokenTest {
    address private constant TEAM = address(0xA1);
    address private constant FOUNDATION = address(0xA2);
    address private constant LAUNCH = address(0xA3);
    address private constant LISTING = address(0xA4);
    address private constant EMISSION = address(0xA5);
    uint256 private constant HOLDER_KEY = 0x401D;
    bytes32 private constant TYPEHASH = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );

    OgongToken private token;
    uint256 private begun;

    function setUp() public {
        vm.warp(1_800_000_000);
        token = OgongToken(create("OgongToken.sol:OgongToken", abi.encode(Genesis(TEAM, FOUNDATION, LAUNCH, LISTING, EMISSION))));
        begun = 1_800_000_000;
    }

    function test_genesisIsTheWhitepapers() public view {
        checkEqual(token.totalSupply(), 5_000_000_000e18, "cap");
        checkEqual(token.balanceOf(address(token.team())), 625_000_000e18, "team");
        checkEqual(token.balanceOf(address(token.foundation())), 250_000_000e18, "foundation");
        checkEqual(token.balanceOf(LAUNCH), 100_000_000e18, "launch");
        checkEqual(token.balanceOf(LISTING), 25_000_000e18, "listing");
        checkEqual(token.balanceOf(EMISSION), 4_000_000_000e18, "emission");
        check(token.team().owner() == TEAM && token.foundation().owner() == FOUNDATION, "beneficiaries");
    }

    /// Linear over three years, and all of it at the end.
    function testFuzz_vestsLinearly(uint256 elapsed) public {
        elapsed = bound(elapsed, 0, 4 * 365 days);
        vm.warp(begun + elapsed);
        uint256 part = elapsed < 3 * 365 days ? elapsed : 3 * 365 days;
        token.team().release(address(token));
        token.foundation().release(address(token));
        checkEqual(token.balanceOf(TEAM), uint256(625_000_000e18) * part / (3 * 365 days), "team");
        checkEqual(token.balanceOf(FOUNDATION), uint256(250_000_000e18) * part / (3 * 365 days), "foundation");
    }

    /// There is no function that creates or destroys.
    function test_nobodyMintsOrBurns() public {
        string[4] memory calls = ["mint(address,uint256)", "burn(uint256)", "burnFrom(address,uint256)", "transferOwnership(address)"];
        for (uint256 i; i < calls.length; ++i) {
            (bool isDone,) = address(token).call(abi.encodeWithSelector(bytes4(keccak256(bytes(calls[i]))), LAUNCH, 1));
            check(!isDone, calls[i]);
        }
    }

    /// A signed transfer that anybody submits, once.
    function test_transfersByAuthorization() public {
        address holder = vm.addr(HOLDER_KEY);
        vm.prank(LAUNCH);
        token.transfer(holder, 100);
        bytes32 nonce = keccak256("nonce");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(HOLDER_KEY, _digest(holder, 60, nonce));
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        token.transferWithAuthorization(holder, TEAM, 61, 0, begun + 1, nonce, v, r, s);
        token.transferWithAuthorization(holder, TEAM, 60, 0, begun + 1, nonce, v, r, s);
        checkEqual(token.balanceOf(TEAM), 60, "received");
        vm.expectPartialRevert(ERC3009.ERC3009UsedAuthorization.selector);
        token.transferWithAuthorization(holder, TEAM, 60, 0, begun + 1, nonce, v, r, s);
    }

    function _digest(address from, uint256 value, bytes32 nonce) private view returns (bytes32) {
        bytes32 content = keccak256(abi.encode(TYPEHASH, from, TEAM, value, 0, begun + 1, nonce));
        return keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), content));
    }
}
