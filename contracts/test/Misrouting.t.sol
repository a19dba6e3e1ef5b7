// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Announcements} from "../src/Announcements.sol";
import {CandidateList} from "../src/libraries/CandidateList.sol";
import {Cases} from "../src/Cases.sol";
import {Ed25519} from "../src/libraries/Ed25519.sol";
import {Misrouting} from "../src/Misrouting.sol";
import {Fixture} from "./Fixture.sol";
import {check, checkEqual, vm} from "./Vm.sol";

/// A router loses its stake by a ticket that its own list does not give. Lists, draws and signatures are those of packages/protocol; the
/// signing key is 32 bytes of 7.
contract MisroutingTest is Fixture {
    address private constant REPORTER = address(0x4E);
    uint64 private constant ISSUED = 1_800_000_000;
    bytes private constant MODEL = "ogong/verified/acme/one";
    bytes32 private constant PUBLIC = 0xea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c;
    /// Over the ticket that names the first candidate, and over the one that names the second, which is drawn.
    bytes private constant LYING =
        hex"3d8276162bc90beac3c835c006c322022b90887952d2110f9af03acbb97687cab2678c88e0f51b1509b7538a6666eb2bbad5d8ed975ad0a1bbba3222e2cfa20b";
    bytes private constant HONEST =
        hex"44e1eb3ff7e1c7e5bcbfa2c903b89e7b53b0ce8ccfbbffbac44ba535b2db28ef3c1eda832a381e6e8767b3cc94e967ce4d9b4fefc00942e17e3ffe071cded900";

    Misrouting private misrouting;

    function setUp() public override {
        super.setUp();
        misrouting = cases.misrouting();
        vm.warp(ISSUED - 1_000);
        token.transfer(ROUTER, 2 * ROUTER_BOND);
        vm.startPrank(ROUTER);
        token.approve(address(staking), 2 * ROUTER_BOND);
        staking.stake(2 * ROUTER_BOND);
        staking.registerRouter(sha256(_key()));
        vm.stopPrank();
        vm.warp(ISSUED + 10);
    }

    /// The half of ML-DSA is not looked at, and is part of the key's name.
    function _key() private pure returns (bytes memory) {
        return bytes.concat(PUBLIC, new bytes(1_312));
    }

    function _row(uint256 n) private pure returns (bytes memory) {
        return _row(n, 100 * n, 4_096, 5);
    }

    function _row(uint256 n, uint256 price, uint256 context, uint256 held) private pure returns (bytes memory) {
        return abi.encodePacked(
            bytes32(n),
            uint128(price),
            address(uint160(n == 3 ? 2 : n)),
            uint32(context),
            uint64(10 * n),
            uint64(held),
            uint32(500_000 + n),
            uint32(30 * n),
            uint32(1_000 * n)
        );
    }

    function _listOf(uint8 sort, bytes memory rows) private pure returns (bytes memory) {
        return abi.encodePacked(
            "ogong-candidates-v1\n", uint16(MODEL.length), MODEL, sort, uint128(300), uint32(4_096), uint64(5), uint16(rows.length / 100), rows
        );
    }

    function _list(uint8 sort) private pure returns (bytes memory) {
        return _listOf(sort, bytes.concat(_row(1), _row(2), _row(3)));
    }

    function _ticket(uint256 n, bytes16 replyId, bytes memory list) private pure returns (bytes memory) {
        return _ticket(n, replyId, list, MODEL, 100 * n);
    }

    function _ticket(uint256 n, bytes16 replyId, bytes memory list, bytes memory model, uint256 price)
        private
        pure
        returns (bytes memory)
    {
        bytes memory head =
            abi.encodePacked("ogong-ticket-v1\n", ROUTER, uint16(model.length), model, bytes32(n), uint16(19), "https://one.example");
        bytes memory where = abi.encodePacked(bytes32(uint256(0x0909090909090909090909090909090909090909090909090909090909090909)), address(uint160(n == 3 ? 2 : n)));
        bytes32 root = bytes32(uint256(0x0808080808080808080808080808080808080808080808080808080808080808));
        bytes memory terms = abi.encodePacked(root, uint128(price), uint32(4_096), replyId, sha256(list));
        return bytes.concat(head, where, terms, abi.encodePacked(ISSUED * 1_000, ISSUED * 1_000 + 120_000));
    }

    function _signed(uint256 n, bytes memory signature) private pure returns (Misrouting.SignedTicket memory) {
        return Misrouting.SignedTicket(_ticket(n, 0, _list(0)), _key(), signature);
    }

    function _announce(bytes memory ticket) private {
        bytes32 seal = misrouting.sealOf(REPORTER, ROUTER, misrouting.evidenceOf(ticket), SALT);
        vm.prank(REPORTER);
        misrouting.announce(seal);
        _nextBlock();
    }

    function _prove(Misrouting.SignedTicket memory signed, bytes memory list) private {
        vm.prank(REPORTER);
        misrouting.prove(signed, list, SALT);
    }

    function _refuses(bytes memory reason, Misrouting.SignedTicket memory signed) private {
        _announce(signed.ticket);
        vm.prank(REPORTER);
        vm.expectRevert(reason);
        misrouting.prove(signed, _list(0), SALT);
        checkEqual(staking.stakeOf(ROUTER), 2 * ROUTER_BOND, "nothing is taken");
    }

    function test_aTicketAgainstItsListCostsTheStake() public {
        Misrouting.SignedTicket memory signed = _signed(1, LYING);
        _announce(signed.ticket);
        _prove(signed, _list(0));
        checkEqual(staking.stakeOf(ROUTER), 2 * ROUTER_BOND * 9 / 10, "a tenth of the stake");
        Cases.Case memory found = cases.caseOf(0);
        check(found.accused == ROUTER && found.reporter == REPORTER, "who");
        check(found.offence == Cases.Offence.Misrouting, "what");
        checkEqual(found.amount, 2 * ROUTER_BOND / 10, "is held");
        _wait(APPEAL);
        cases.close(0);
        checkEqual(token.balanceOf(REPORTER), 2 * ROUTER_BOND / 40, "reporter");
        checkEqual(token.balanceOf(parameters.recipients().treasury), 2 * ROUTER_BOND * 3 / 40, "treasury");
    }

    function test_aTicketOfItsListCostsNothing() public {
        _refuses(abi.encodeWithSelector(Misrouting.NoMisrouting.selector), _signed(2, HONEST));
    }

    function test_oneTicketConvictsOnce() public {
        Misrouting.SignedTicket memory signed = _signed(1, LYING);
        _announce(signed.ticket);
        _prove(signed, _list(0));
        vm.warp(_tomorrow());
        _announce(signed.ticket);
        vm.expectRevert(abi.encodeWithSelector(Cases.UsedAlready.selector, ROUTER, sha256(signed.ticket)));
        vm.prank(REPORTER);
        misrouting.prove(signed, _list(0), SALT);
    }

    function _tomorrow() private view returns (uint256) {
        return (this.clock() / 1 days + 1) * 1 days;
    }

    function _openProven(bytes32 evidence) private {
        vm.prank(address(misrouting));
        cases.openProven(ROUTER, REPORTER, evidence);
    }

    function _refusesToday(bytes32 evidence) private {
        uint256 again = _tomorrow();
        vm.prank(address(misrouting));
        vm.expectRevert(abi.encodeWithSelector(Cases.ConvictedAlready.selector, again));
        cases.openProven(ROUTER, REPORTER, evidence);
    }

    /// However many tickets there are.
    function test_ticketsTakeATenthADay() public {
        _openProven("one");
        _refusesToday("two");
        vm.warp(_tomorrow() - 1);
        _refusesToday("two");
        vm.warp(this.clock() + 1);
        _openProven("two");
        checkEqual(staking.stakeOf(ROUTER), 2 * ROUTER_BOND * 81 / 100, "a tenth of what was left");
    }

    function _convict(Cases.Offence offence, bytes32 evidence, uint32 number) private returns (bool) {
        bytes[] memory quorum = _quorum(cases.convictionDigest(offence, ROUTER, REPORTER, evidence, number), 3);
        try cases.convict(offence, ROUTER, REPORTER, evidence, quorum) {
            return true;
        } catch (bytes memory reason) {
            check(bytes4(reason) == Cases.ConvictedAlready.selector, "refused for the day");
            return false;
        }
    }

    /// A ticket and a quorum share the day's tenth of a stake, and a ticket keeps no quorum from a bond.
    function test_aQuorumAndATicketShareADay() public {
        _openProven("one");
        check(!_convict(Cases.Offence.Misrouting, "two", 1), "not of the stake");
        token.transfer(ROUTER, BOND);
        vm.startPrank(ROUTER);
        token.approve(address(staking), BOND);
        staking.bond(BOND);
        vm.stopPrank();
        check(_convict(Cases.Offence.FalseVerdict, "three", 1), "of the bond");
        vm.warp(_tomorrow());
        check(_convict(Cases.Offence.RefutedReport, "four", 2), "of the stake");
        _refusesToday("five");
    }

    function test_anybodyRetiresARouterBelowTheLeastBond() public {
        vm.prank(ROUTER);
        staking.requestUnstake(ROUTER_BOND);
        _openProven("one");
        checkEqual(staking.stakeOf(ROUTER), ROUTER_BOND * 8 / 10, "a tenth of both, of what weighs");
        vm.prank(REPORTER);
        staking.retireRouter(ROUTER);
        check(staking.routerOf(ROUTER).until != 0, "leaves");
    }

    /// A reader of the pending call has announced nothing.
    function test_aProofIsAnnouncedBefore() public {
        Misrouting.SignedTicket memory signed = _signed(1, LYING);
        bytes32 seal = misrouting.sealOf(REPORTER, ROUTER, misrouting.evidenceOf(signed.ticket), SALT);
        bytes memory reason = abi.encodeWithSelector(Announcements.NotAnnounced.selector, seal);
        vm.expectRevert(reason);
        vm.prank(REPORTER);
        misrouting.prove(signed, _list(0), SALT);
        vm.prank(REPORTER);
        misrouting.announce(seal);
        vm.expectRevert(reason);
        vm.prank(REPORTER);
        misrouting.prove(signed, _list(0), SALT);
    }

    function test_anotherSignatureConvictsNobody() public {
        bytes memory reason = abi.encodeWithSelector(Misrouting.BadTicketSignature.selector);
        _refuses(reason, _signed(1, HONEST));
        _refuses(reason, _signed(2, LYING));
        _refuses(reason, _signed(1, bytes.concat(LYING, hex"00")));
        for (uint256 at; at < 64; at += 21) {
            bytes memory bent = bytes.concat(LYING);
            bent[at] ^= 0x01;
            _refuses(reason, _signed(1, bent));
        }
    }

    /// A number and the same one beyond the order of the group would be two signatures of one ticket.
    function test_aNumberAboveTheOrderConvictsNobody() public {
        uint256 order = 2 ** 252 + 27742317777372353535851937790883648493;
        bytes memory bent = bytes.concat(LYING);
        uint256 scalar = order;
        for (uint256 i; i < 32; ++i) {
            scalar += uint256(uint8(bent[32 + i])) << 8 * i;
        }
        for (uint256 i; i < 32; ++i) {
            bent[32 + i] = bytes1(uint8(scalar >> 8 * i));
        }
        _refuses(abi.encodeWithSelector(Misrouting.BadTicketSignature.selector), _signed(1, bent));
    }

    function test_anotherKeyConvictsNobody() public {
        bytes memory reason = abi.encodeWithSelector(Misrouting.OtherKey.selector, ROUTER);
        Misrouting.SignedTicket memory signed = _signed(1, LYING);
        signed.routerKey = bytes.concat(PUBLIC, new bytes(1_311), hex"01");
        _refuses(reason, signed);
        signed.routerKey = bytes.concat(PUBLIC, new bytes(1_311));
        _refuses(reason, signed);
    }

    /// A router stays liable for signatures from before its key change, and not for later ones by the old key.
    function test_aChangedKeyHidesNothing() public {
        Misrouting.SignedTicket memory signed = _signed(1, LYING);
        vm.prank(ROUTER);
        staking.registerRouter("another one");
        checkEqual(staking.ticketKeyUntil(ROUTER, sha256(_key())), ISSUED + 10, "until");
        _announce(signed.ticket);
        _prove(signed, _list(0));
        checkEqual(staking.stakeOf(ROUTER), 2 * ROUTER_BOND * 9 / 10, "a tenth of the stake");
    }

    function test_aKeyThatWasReplacedBeforeConvictsNobody() public {
        vm.warp(ISSUED - 600);
        vm.prank(ROUTER);
        staking.registerRouter("another one");
        vm.warp(ISSUED + 10);
        _refuses(abi.encodeWithSelector(Misrouting.OtherKey.selector, ROUTER), _signed(1, LYING));
    }

    /// Gateways take tickets ahead of their clock, and go by what they read of the chain some time ago.
    function test_aKeyThatWasReplacedAMomentBeforeStillConvicts() public {
        vm.warp(ISSUED - 599);
        vm.prank(ROUTER);
        staking.registerRouter("another one");
        vm.warp(ISSUED + 10);
        Misrouting.SignedTicket memory signed = _signed(1, LYING);
        _announce(signed.ticket);
        _prove(signed, _list(0));
        checkEqual(staking.stakeOf(ROUTER), 2 * ROUTER_BOND * 9 / 10, "a tenth of the stake");
    }

    /// Its signer writes the date. A thief of an old key has as long as the former one may be shown, and no longer.
    function test_aBackdatedTicketOfAnOldKeyShownLaterConvictsNobody() public {
        vm.warp(ISSUED - 599);
        vm.prank(ROUTER);
        staking.registerRouter("another one");
        uint256 end = ISSUED - 599 + misrouting.FORMER_KEY_TIME();
        vm.warp(end);
        _refuses(abi.encodeWithSelector(Misrouting.OtherKey.selector, ROUTER), _signed(1, LYING));
        vm.warp(end - 1);
        _prove(_signed(1, LYING), _list(0));
        checkEqual(staking.stakeOf(ROUTER), 2 * ROUTER_BOND * 9 / 10, "a tenth of the stake");
    }

    /// Signatures of a key after its router has left count for nobody, though the router comes back with another one.
    function test_comingBackRevivesNoKey() public {
        vm.warp(ISSUED - 2 * UNBONDING - 600);
        vm.prank(ROUTER);
        staking.retireRouter(ROUTER);
        vm.warp(ISSUED + 5);
        vm.prank(ROUTER);
        staking.registerRouter("another one");
        checkEqual(staking.ticketKeyUntil(ROUTER, sha256(_key())), 0, "it ended with its router");
        vm.warp(ISSUED + 10);
        _refuses(abi.encodeWithSelector(Misrouting.OtherKey.selector, ROUTER), _signed(1, LYING));
    }

    /// A leaving router is still a router: its key ends when it is replaced.
    function test_aReplacedKeyEndsNow() public {
        vm.prank(ROUTER);
        staking.retireRouter(ROUTER);
        vm.prank(ROUTER);
        staking.registerRouter("another one");
        checkEqual(staking.ticketKeyUntil(ROUTER, sha256(_key())), ISSUED + 10, "now");
    }

    function test_ticketsOfAFormerRouterProveNothing() public {
        vm.warp(ISSUED - UNBONDING - 600);
        vm.prank(ROUTER);
        staking.retireRouter(ROUTER);
        vm.warp(ISSUED + 10);
        _refuses(abi.encodeWithSelector(Misrouting.OtherKey.selector, ROUTER), _signed(1, LYING));
    }

    function test_aRouterThatLeavesLaterIsStillConvicted() public {
        vm.prank(ROUTER);
        staking.retireRouter(ROUTER);
        Misrouting.SignedTicket memory signed = _signed(1, LYING);
        _announce(signed.ticket);
        _prove(signed, _list(0));
        checkEqual(staking.stakeOf(ROUTER), 2 * ROUTER_BOND * 9 / 10, "a tenth of the stake");
    }

    function test_onlyTicketsOfOneDelayCount() public {
        bytes memory reason = abi.encodeWithSelector(Misrouting.TimeOutOfRange.selector, ISSUED);
        vm.warp(ISSUED - 1);
        _refuses(reason, _signed(1, LYING));
        vm.warp(ISSUED + UNBONDING + 1);
        _refuses(reason, _signed(1, LYING));
        vm.warp(ISSUED + UNBONDING);
        Misrouting.SignedTicket memory signed = _signed(1, LYING);
        _announce(signed.ticket);
        vm.warp(ISSUED + UNBONDING);
        _prove(signed, _list(0));
    }

    function _fault(bytes memory ticket, bytes memory list) private view returns (Misrouting.Fault) {
        return misrouting.faultOf(ticket, list);
    }

    /// Each preference draws as packages/protocol does, for twelve replies.
    function test_theDrawIsTheProtocols() public view {
        bytes[6] memory drawn =
            [bytes("212132211313"), "111111113121", "111121111111", "333333333333", "111333332212", "121113111111"];
        for (uint8 sort; sort < 6; ++sort) {
            bytes memory list = _list(sort);
            for (uint256 i; i < 12; ++i) {
                bytes16 replyId = bytes16(uint128(i * 0x01010101010101010101010101010101));
                for (uint256 n = 1; n <= 3; ++n) {
                    bool isDrawn = uint8(drawn[sort][i]) == 48 + n;
                    Misrouting.Fault expected = isDrawn ? Misrouting.Fault.None : Misrouting.Fault.Draw;
                    check(_fault(_ticket(n, replyId, list), list) == expected, "drawn");
                }
            }
        }
    }

    function test_faultsBetweenAListAndItsTicketAndWithinAList() public view {
        bytes memory list = _list(0);
        check(_fault(_ticket(3, 0, list, "ogong/verified/acme/two", 300), list) == Misrouting.Fault.Model, "model");
        check(_fault(_ticket(2, 0, list, MODEL, 199), list) == Misrouting.Fault.Terms, "price");
        list = _listOf(0, "");
        check(_fault(_ticket(3, 0, list), list) == Misrouting.Fault.Draw, "nobody");
        list = _listOf(0, _row(1, 301, 4_096, 5));
        check(_fault(_ticket(1, 0, list, MODEL, 301), list) == Misrouting.Fault.Price, "above the price");
        list = _listOf(0, _row(1, 100, 4_096, 4));
        check(_fault(_ticket(1, 0, list), list) == Misrouting.Fault.Stake, "less at stake");
        list = _listOf(0, bytes.concat(_row(1), _row(2, 200, 4_095, 5)));
        (bytes16 first, bytes16 second) = _repliesOf(list);
        check(_fault(_ticket(1, first, list), list) == Misrouting.Fault.Room, "room");
        check(_fault(_ticket(2, second, list), list) == Misrouting.Fault.Terms, "another context");
    }

    /// Replies for which the first and the second of two are drawn.
    function _repliesOf(bytes memory list) private view returns (bytes16 first, bytes16 second) {
        bytes16[2] memory found;
        for (uint128 i = 1; found[0] == 0 || found[1] == 0; ++i) {
            check(i < 200, "both are drawn");
            bytes16 replyId = bytes16(i);
            found[_fault(_ticket(1, replyId, list), list) == Misrouting.Fault.Draw ? 1 : 0] = replyId;
        }
        return (found[0], found[1]);
    }

    /// More room than was asked for is as good as what was asked for.
    function test_moreRoomIsNoFault() public view {
        bytes memory list = _listOf(0, bytes.concat(_row(1), _row(2, 200, 5_000, 5)));
        (bytes16 first,) = _repliesOf(list);
        check(_fault(_ticket(1, first, list), list) == Misrouting.Fault.None, "none");
    }

    function _refusesList(bytes memory list) private {
        bytes memory ticket = _ticket(1, 0, list);
        vm.expectRevert(CandidateList.BadList.selector);
        misrouting.faultOf(ticket, list);
    }

    function test_malformedListsConvictNobody() public {
        _refusesList(_list(6));
        _refusesList(bytes.concat(_list(0), hex"00"));
        _refusesList(bytes.concat("ogong-candidates-v2\n", _tail(_list(0), 20)));
        _refusesList(_listOf(0, bytes.concat(_row(2), _row(1))));
        _refusesList(_listOf(0, bytes.concat(_row(1), _row(1))));
        _refusesList(_listOf(0, _row(1, 100, 0, 5)));
        // Reputation, latency and speed stand at the end of a row.
        bytes memory row = _row(1);
        uint32[4] memory bad = [uint32(0), 1_000_001, 600_001, 1_000_000_001];
        for (uint256 i; i < 4; ++i) {
            bytes memory bent = bytes.concat(row);
            bytes4 figure = bytes4(bad[i]);
            uint256 at = i < 2 ? 88 : 84 + 4 * i;
            for (uint256 j; j < 4; ++j) bent[at + j] = figure[j];
            _refusesList(_listOf(0, bent));
        }
    }

    function _tail(bytes memory data, uint256 from) private pure returns (bytes memory tail) {
        tail = new bytes(data.length - from);
        for (uint256 i; i < tail.length; ++i) tail[i] = data[from + i];
    }

    function _refusesTicket(bytes memory ticket) private {
        bytes memory list = _list(0);
        vm.expectRevert(Misrouting.BadTicket.selector);
        misrouting.faultOf(ticket, list);
    }

    function test_malformedTicketsConvictNobody() public {
        bytes memory list = _list(0);
        bytes memory ticket = _ticket(1, 0, list);
        _refusesTicket("");
        _refusesTicket(bytes.concat(ticket, hex"00"));
        _refusesTicket(bytes.concat("ogong-ticket-v2\n", _tail(ticket, 16)));
        bytes memory reason = abi.encodeWithSelector(Misrouting.OtherList.selector, sha256(list));
        bytes memory other = _list(1);
        vm.expectRevert(reason);
        misrouting.faultOf(ticket, other);
    }

    /// Without figures, at one price: nothing is divided by zero.
    function test_listsWithoutFiguresAreDrawnFrom() public view {
        bytes memory row = abi.encodePacked(bytes32(uint256(1)), uint128(100), address(1), uint32(4_096), uint64(0), uint64(5), uint32(1), uint64(0));
        for (uint8 sort; sort < 6; ++sort) {
            bytes memory list = _listOf(sort, row);
            check(_fault(_ticket(1, 0, list), list) == Misrouting.Fault.None, "drawn");
        }
        bytes memory quick = _row(1);
        (quick[94], quick[95]) = (0x00, 0x03);
        bytes memory fast = _listOf(2, quick);
        check(_fault(_ticket(1, 0, fast), fast) == Misrouting.Fault.None, "shorter waits are not told apart");
    }
}

/// Signatures that Node's OpenSSL made, by the key of 32 bytes of 7.
contract Ed25519Test {
    bytes32 private constant PUBLIC = 0xea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c;

    function _isGood(bytes memory signature, bytes memory message) private view returns (bool) {
        bytes32 r;
        bytes32 s;
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
        }
        return Ed25519.verify(PUBLIC, r, s, message);
    }

    function test_signaturesOfDifferentLengths() public view {
        bytes memory none =
            hex"4c359336805e0db35d333e85a786f0a297d1dee2ee64a5d2d696829fdb420d560155eddbd304e6d267016658f782f736d611ff98792c5134dd959187a3f30904";
        check(_isGood(none, ""), "nothing");
        check(!_isGood(none, hex"00"), "another message");
        bytes memory one =
            hex"3965a4858e0beb626c723e00b2ebefbac79b3dfb2e0129c20a4dab5d11aa8f2e1feb86ce3d423922969659dc680af2b46d0dbafa0ec05be0d833677b3061f309";
        check(_isGood(one, hex"72"), "one byte");
        bytes memory many =
            hex"fb8b8b459c3dfd879958dce1c955ae9d3fe5573254c0af13a150b1dcb8a0b0990c947437acb11549ca3df2b26c7962c1cf7dbd3f6f35367d298b7cf14d17e005";
        bytes memory long = new bytes(1_023);
        for (uint256 i; i < long.length; ++i) long[i] = 0x03;
        check(_isGood(many, long), "nine blocks");
    }

    /// The order of the base point added: the same number, and another signature.
    function test_aSecondSignatureOverOneMessageIsNone() public view {
        bytes32 r = 0x3965a4858e0beb626c723e00b2ebefbac79b3dfb2e0129c20a4dab5d11aa8f2e;
        check(!Ed25519.verify(PUBLIC, r, 0x0cbf7c2b58a54b7a6c33517f4704d1c96d0dbafa0ec05be0d833677b3061f319, hex"72"), "above the order");
    }

    /// y = 2 is on no point of the curve; y = 3 is, with an x of each sign.
    function test_aKeyThatIsNoPointSignsNothing() public view {
        check(!Ed25519.verify(bytes32(uint256(2) << 248), 0, 0, ""), "no point");
        (bool found,,) = Ed25519.decode(2);
        check(!found, "y = 2");
        (found,,) = Ed25519.decode(3);
        check(found, "y = 3");
        (found,,) = Ed25519.decode(uint256(3) | 1 << 255);
        check(found, "y = 3, odd x");
    }
}
