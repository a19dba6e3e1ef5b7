// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pins} from "../src/Pins.sol";
import {Lives} from "./Lives.sol";
import {PinFixture} from "./PinFixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// Random lives of pins. Books of its own say what each call has to do.
contract PinHandler is PinFixture {
    struct Book {
        bool isAccepted;
        uint256 start;
        uint256 epochs;
        uint256 blocks;
        /// Numbers of settled epochs: 1 proven, 2 returned.
        mapping(uint256 epoch => uint8) settled;
        uint256 count;
    }

    mapping(uint256 pin => Book) private _books;
    uint256 private _locked;
    uint256 private _paid;
    uint256 private _back;
    uint256 private _claimed;
    uint256 public proofs;
    uint256 public misses;
    uint256 public stops;

    function setUp() public override {
        super.setUp();
        _setBlob(2 * 1024 + 1);
    }

    function open(uint256 epochs, uint256 blocks) external {
        (epochs, blocks) = (bound(epochs, 1, 6), bound(blocks, 8, 300));
        uint256 pin = _open(uint32(epochs), uint32(blocks));
        Book storage book = _books[pin];
        (book.epochs, book.blocks) = (epochs, blocks);
        _locked += epochs;
    }

    function wait(uint256 blocks) external {
        _advance(bound(blocks, 1, 200));
    }

    function accept(uint256 which) external {
        if (pins.pinCount() == 0) return;
        uint256 pin = which % pins.pinCount();
        Book storage book = _books[pin];
        vm.prank(PROVIDER);
        try pins.accept(pin) {
            check(!book.isAccepted && book.epochs != 0, "an offer");
            (book.isAccepted, book.start) = (true, _blockNumber + 1);
        } catch {
            check(book.isAccepted || book.epochs == 0, "no offer");
        }
    }

    function cancel(uint256 which) external {
        if (pins.pinCount() == 0) return;
        uint256 pin = which % pins.pinCount();
        Book storage book = _books[pin];
        vm.prank(PAYER);
        try pins.cancel(pin) {
            check(!book.isAccepted && book.epochs != 0, "an offer");
            _giveBack(book.epochs);
            book.epochs = 0;
        } catch {
            check(book.isAccepted || book.epochs == 0, "no offer");
        }
    }

    function prove(uint256 which, bool isEarly) external {
        if (pins.pinCount() == 0) return;
        uint256 pin = which % pins.pinCount();
        Book storage book = _books[pin];
        if (!book.isAccepted || _blockNumber <= book.start) return;
        uint256 epoch = (_blockNumber - book.start - 1) / book.blocks;
        uint256 age = _blockNumber - book.start - epoch * book.blocks;
        if (isEarly && epoch > 0) --epoch;
        bool isDue = epoch < book.epochs && book.settled[epoch] == 0 && age <= 250
            && epoch == (_blockNumber - book.start - 1) / book.blocks;
        bytes memory proof = _proofOf(pin, uint32(epoch));
        try pins.prove(pin, uint32(epoch), proof) {
            check(isDue, "each epoch once, in its window");
            book.settled[epoch] = 1;
            ++book.count;
            --_locked;
            _paid += FEE;
            ++proofs;
        } catch {
            check(!isDue, "whatever is due");
        }
    }

    function returnMissed(uint256 which) external {
        if (pins.pinCount() == 0) return;
        uint256 pin = which % pins.pinCount();
        Book storage book = _books[pin];
        uint256 missed;
        for (uint256 epoch; book.isAccepted && epoch < book.epochs; ++epoch) {
            uint256 window = book.blocks < 250 ? book.blocks : 250;
            if (book.settled[epoch] != 0 || _blockNumber <= book.start + epoch * book.blocks + window) continue;
            book.settled[epoch] = 2;
            ++missed;
        }
        try pins.returnMissed(pin) {
            check(missed > 0, "some");
            book.count += missed;
            misses += missed;
            _giveBack(missed);
        } catch {
            checkEqual(missed, 0, "none");
        }
    }

    function stop(uint256 which) external {
        if (pins.pinCount() == 0) return;
        uint256 pin = which % pins.pinCount();
        Book storage book = _books[pin];
        uint256 next = _blockNumber > book.start ? (_blockNumber - book.start - 1) / book.blocks + 2 : 2;
        vm.prank(PAYER);
        try pins.stop(pin) {
            check(book.isAccepted && next < book.epochs, "it is longer");
            _giveBack(book.epochs - next);
            book.epochs = next;
            ++stops;
        } catch {
            check(!book.isAccepted || next >= book.epochs, "nothing to end");
        }
    }

    function claim(bool isPayer) external {
        address account = isPayer ? PAYER : PROVIDER;
        if (pins.creditOf(account) == 0) return;
        _claimed += _claim(account);
    }

    function _giveBack(uint256 epochs) private {
        _locked -= epochs;
        _back += epochs * FEE;
    }

    function assertBooks() external view {
        checkEqual(pins.creditOf(PAYER) + pins.creditOf(PROVIDER) + _claimed, _paid + _back, "credit = paid + back - claimed");
        checkEqual(token.balanceOf(address(pins)), _locked * FEE + _paid + _back - _claimed, "tokens = locked + credit");
        for (uint256 pin; pin < pins.pinCount(); ++pin) {
            Pins.Pin memory one = pins.pinOf(pin);
            checkEqual(one.proven + one.returned, _books[pin].count, "each epoch once");
            checkEqual(one.epochs, _books[pin].epochs, "epochs");
        }
    }

    function leak() external {
        vm.prank(address(pins));
        token.transfer(PAYER, 1);
    }
}

contract PinLivesTest is Lives {
    PinHandler private handler;

    function setUp() public {
        handler = new PinHandler();
        handler.setUp();
    }

    /// All actions but the leak.
    function _actions() internal view override returns (address actor, bytes memory actions) {
        actor = address(handler);
        actions = abi.encodePacked([
            handler.open.selector, handler.wait.selector, handler.accept.selector, handler.cancel.selector,
            handler.prove.selector, handler.returnMissed.selector, handler.stop.selector, handler.claim.selector
        ]);
    }

    function invariant_eachFeeMovesOnce() public view {
        handler.assertBooks();
    }

    /// The controls: a token that leaves past the rules is noticed, and the actions reach what they are about.
    function test_handlerReachesEveryActionAndALeakIsNoticed() public {
        handler.open(2, 8);
        handler.cancel(0);
        handler.open(6, 20);
        handler.accept(1);
        handler.wait(2);
        handler.prove(1, false);
        handler.prove(1, false);
        handler.wait(40);
        handler.prove(1, true);
        handler.prove(1, false);
        handler.returnMissed(1);
        handler.stop(1);
        handler.claim(true);
        handler.claim(false);
        checkEqual(handler.proofs(), 2, "epochs 0 and 2");
        checkEqual(handler.misses(), 1, "epoch 1");
        checkEqual(handler.stops(), 1, "stopped");
        this.invariant_eachFeeMovesOnce();
        handler.leak();
        try this.invariant_eachFeeMovesOnce() {
            check(false, "a leak went unnoticed");
        } catch {}
    }
}
