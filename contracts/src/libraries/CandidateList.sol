// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A router's list of candidates, and the draw over it
/// @notice Formats and arithmetic: docs/spec/match.md. `openMatch` of packages/protocol does the same.
library CandidateList {
    bytes20 private constant TAG = "ogong-candidates-v1\n";
    /// Bytes of a candidate.
    uint256 private constant ROW = 100;
    uint256 private constant SORTS = 6;
    uint256 private constant MAX_REPUTATION = 1_000_000;
    uint256 private constant MAX_LATENCY = 600_000;
    uint256 private constant MAX_SPEED = 1_000_000_000;
    /// Shorter waits count alike.
    uint256 private constant LEAST_LATENCY = 20;
    /// Parts of 256 of the best figure.
    uint256 private constant BEST = 256;
    uint256 private constant LEAST = 64;

    /// In the order of their codes.
    enum Sort {
        None,
        Price,
        Latency,
        Throughput,
        Quality,
        Balanced
    }

    /// The request that the list answers.
    struct Asked {
        /// Hash of the model's id.
        bytes32 model;
        Sort sort;
        uint256 maxPrice;
        uint256 contextSize;
        uint256 minHeld;
    }

    struct Candidate {
        bytes32 providerId;
        uint256 price;
        address payee;
        uint256 contextSize;
        uint256 stake;
        uint256 held;
        uint256 reputation;
        uint256 latency;
        uint256 speed;
        /// Place of the payee's count.
        uint256 place;
        uint256 weight;
    }

    /// The best figures of a list.
    struct Figures {
        uint256 price;
        uint256 latency;
        uint256 speed;
        uint256 reputation;
    }

    error BadList();

    /// @dev The signer of bytes that are no list cannot be convicted by them here, because the list's format changes with its version.
    function read(bytes calldata list) internal pure returns (Asked memory asked, Candidate[] memory candidates) {
        if (bytes20(list[:20]) != TAG) revert BadList();
        uint256 at = 22 + uint256(uint16(bytes2(list[20:22])));
        asked.model = keccak256(list[22:at]);
        bytes calldata rest = list[at:];
        uint256 sort = uint8(rest[0]);
        uint256 count = uint16(bytes2(rest[29:31]));
        if (sort >= SORTS || rest.length != 31 + count * ROW) revert BadList();
        asked.sort = Sort(sort);
        asked.maxPrice = uint128(bytes16(rest[1:17]));
        asked.contextSize = uint32(bytes4(rest[17:21]));
        asked.minHeld = uint64(bytes8(rest[21:29]));
        candidates = new Candidate[](count);
        bytes32 previous;
        for (uint256 i; i < count; ++i) {
            Candidate memory one = candidates[i];
            _readRow(rest[31 + i * ROW:], one);
            if (i > 0 && one.providerId <= previous) revert BadList();
            previous = one.providerId;
        }
    }

    /// @notice Gives each candidate its weight. @return total Of all.
    /// @param salt The list's own hash: so payees with colliding places cannot be invented.
    function weigh(Candidate[] memory candidates, Sort sort, bytes32 salt) internal pure returns (uint256 total) {
        uint256[] memory counts = _countPayees(candidates, salt);
        Figures memory best = _findBest(candidates);
        for (uint256 i; i < candidates.length; ++i) {
            Candidate memory one = candidates[i];
            one.weight = (one.stake / counts[one.place] + 1) * one.reputation * _rate(one, best, sort);
            total += one.weight;
        }
    }

    /// @notice The candidate that is drawn for a reply. @param listHash SHA-256 of the list. @param total Of the weights, at least 1.
    function draw(Candidate[] memory candidates, bytes16 replyId, bytes32 listHash, uint256 total)
        internal
        pure
        returns (Candidate memory)
    {
        bytes32 seed = sha256(abi.encodePacked("ogong-match-v1\n", sha256(abi.encodePacked(replyId)), listHash));
        // The draw would take a further number if the first one is beyond the last multiple of the total: less than one of 2^124 draws.
        uint256 left = uint256(sha256(abi.encodePacked(seed, uint32(0)))) % total;
        uint256 i;
        for (; left >= candidates[i].weight; ++i) {
            left -= candidates[i].weight;
        }
        return candidates[i];
    }

    function _readRow(bytes calldata row, Candidate memory one) private pure {
        one.providerId = bytes32(row[:32]);
        one.price = uint128(bytes16(row[32:48]));
        one.payee = address(bytes20(row[48:68]));
        one.contextSize = uint32(bytes4(row[68:72]));
        one.stake = uint64(bytes8(row[72:80]));
        one.held = uint64(bytes8(row[80:88]));
        one.reputation = uint32(bytes4(row[88:92]));
        one.latency = uint32(bytes4(row[92:96]));
        one.speed = uint32(bytes4(row[96:100]));
        bool isBad = one.contextSize == 0 || one.reputation == 0 || one.reputation > MAX_REPUTATION;
        if (isBad || one.latency > MAX_LATENCY || one.speed > MAX_SPEED) revert BadList();
    }

    /// @dev Counts each payee of the list, in a table of at least twice as many places.
    function _countPayees(Candidate[] memory candidates, bytes32 salt) private pure returns (uint256[] memory counts) {
        uint256 size = 2;
        while (size < 2 * candidates.length) size *= 2;
        counts = new uint256[](size);
        address[] memory payees = new address[](size);
        for (uint256 i; i < candidates.length; ++i) {
            address payee = candidates[i].payee;
            uint256 place = uint256(keccak256(abi.encode(salt, payee))) % size;
            while (counts[place] != 0 && payees[place] != payee) place = (place + 1) % size;
            payees[place] = payee;
            ++counts[place];
            candidates[i].place = place;
        }
    }

    function _findBest(Candidate[] memory candidates) private pure returns (Figures memory best) {
        (best.price, best.latency) = (type(uint256).max, MAX_LATENCY);
        for (uint256 i; i < candidates.length; ++i) {
            Candidate memory one = candidates[i];
            if (one.price < best.price) best.price = one.price;
            if (one.latency != 0 && one.latency < best.latency) best.latency = one.latency;
            if (one.speed > best.speed) best.speed = one.speed;
            if (one.reputation > best.reputation) best.reputation = one.reputation;
        }
        if (best.latency < LEAST_LATENCY) best.latency = LEAST_LATENCY;
    }

    function _rate(Candidate memory one, Figures memory best, Sort sort) private pure returns (uint256) {
        if (sort == Sort.None) return 1;
        uint256 latency = one.latency < LEAST_LATENCY ? LEAST_LATENCY : one.latency;
        uint256[4] memory parts = [
            _ratio(best.price + 1, one.price + 1),
            one.latency == 0 ? LEAST : _ratio(best.latency, latency),
            best.speed == 0 ? LEAST : _ratio(one.speed, best.speed),
            _ratio(one.reputation, best.reputation)
        ];
        if (sort == Sort.Balanced) return parts[0] * parts[1] * parts[2] * parts[3];
        uint256 part = parts[uint256(sort) - 1];
        return part ** 4;
    }

    function _ratio(uint256 part, uint256 whole) private pure returns (uint256) {
        uint256 ratio = BEST * part / whole;
        return ratio < LEAST ? LEAST : ratio > BEST ? BEST : ratio;
    }
}
