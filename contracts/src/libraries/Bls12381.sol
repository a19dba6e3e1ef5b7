// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title BLS signatures over BLS12-381, by the precompiles of EIP-2537
/// @notice Keys in G1, signatures in G2, ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_. A point is its coordinates. Each is a
/// number of the field in 64 bytes, the part without i before the other. A key has 128 bytes, a signature 256.
library Bls12381 {
    uint256 internal constant KEY_BYTES = 128;
    uint256 internal constant SIGNATURE_BYTES = 256;

    bytes private constant DOMAIN = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
    bytes private constant FIELD =
        hex"1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";
    /// (p + 1) / 4: the exponent that gives the root of a square, since p is 3 modulo 4.
    bytes private constant ROOT_EXPONENT =
        hex"0680447a8e5ff9a692c6e9ed90d2eb35d91dd2e13ce144afd9cc34a83dac3d8907aaffffac54ffffee7fbfffffffeaab";
    /// The generator of G1 with the sign of y turned.
    bytes private constant NEGATED_GENERATOR =
        hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb00000000000000000000000000000000114d1d6855d545a8aa7d76c8cf2e21f267816aef1db507c96655b9d5caac42364e6f38ba0ecb751bad54dcd6b939c2ca";
    /// (p - 1) / 2 in two parts: the upper 16 bytes of 48, and the lower 32.
    uint256 private constant HALF_UPPER = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_LOWER = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    address private constant G1_ADD = address(0x0b);
    address private constant G2_ADD = address(0x0d);
    address private constant PAIRING = address(0x0f);
    address private constant MAP_TO_G2 = address(0x11);

    /// @notice Whether a key signed a message. False for points that are infinity, off the curve or outside the subgroup.
    function verify(bytes memory key, bytes memory message, bytes memory signature) internal view returns (bool) {
        if (key.length != KEY_BYTES || signature.length != SIGNATURE_BYTES) return false;
        if (_isZero(key) || _isZero(signature)) return false;
        (bool ok, bytes memory result) =
            PAIRING.staticcall(bytes.concat(key, hashToPoint(message), NEGATED_GENERATOR, signature));
        return ok && result.length == 32 && abi.decode(result, (uint256)) == 1;
    }

    /// @notice The compressed form of a key. It says nothing about whether the coordinates are a point.
    function compress(bytes memory key) internal pure returns (bytes memory out) {
        out = new bytes(48);
        for (uint256 i; i < 48; ++i) {
            out[i] = key[16 + i];
        }
        out[0] = out[0] | bytes1(_isLarger(key, 80) ? uint8(0xa0) : uint8(0x80));
    }

    /// @notice The same of a signature: the part of x with i first. Of two points with this x, the larger has the larger part with i of y.
    /// If that part is zero, the other part decides.
    function compressSignature(bytes memory signature) internal pure returns (bytes memory out) {
        out = new bytes(96);
        for (uint256 i; i < 48; ++i) {
            out[i] = signature[80 + i];
            out[48 + i] = signature[16 + i];
        }
        (uint256 upper, uint256 lower) = _split(signature, 208);
        bool isLarger = upper | lower == 0 ? _isLarger(signature, 144) : _isLarger(signature, 208);
        out[0] = out[0] | bytes1(isLarger ? uint8(0xa0) : uint8(0x80));
    }

    /// @notice The coordinates of a compressed key. Bytes that are no key become a point on no curve.
    function expand(bytes memory compressed) internal view returns (bytes memory key) {
        bytes memory x = bytes.concat(compressed);
        x[0] = x[0] & 0x1f;
        // y^2 = x^3 + 4.
        (uint256 upper, uint256 lower) = _split(_power(x, hex"03"), 0);
        unchecked {
            if (lower + 4 < lower) ++upper;
            lower += 4;
        }
        key = bytes.concat(new bytes(16), x, new bytes(16), _power(abi.encodePacked(uint128(upper), lower), ROOT_EXPONENT));
        if (_isLarger(key, 80) == (compressed[0] & 0x20 != 0)) return key;
        (uint256 fieldUpper, uint256 fieldLower) = _split(FIELD, 0);
        (upper, lower) = _split(key, 80);
        unchecked {
            upper = fieldUpper - upper - (fieldLower < lower ? 1 : 0);
            lower = fieldLower - lower;
        }
        key = bytes.concat(new bytes(16), x, new bytes(16), abi.encodePacked(uint128(upper), lower));
    }

    /// @dev 48 bytes of a number: the upper 16, and the lower 32.
    function _split(bytes memory from, uint256 at) private pure returns (uint256 upper, uint256 lower) {
        assembly ("memory-safe") {
            upper := shr(128, mload(add(add(from, 32), at)))
            lower := mload(add(add(from, 48), at))
        }
    }

    function _isLarger(bytes memory from, uint256 at) private pure returns (bool) {
        (uint256 upper, uint256 lower) = _split(from, at);
        return upper > HALF_UPPER || (upper == HALF_UPPER && lower > HALF_LOWER);
    }

    /// @dev base^exponent in the field, by the precompile of EIP-198.
    function _power(bytes memory base, bytes memory exponent) private view returns (bytes memory) {
        bytes memory lengths = bytes.concat(bytes32(uint256(48)), bytes32(exponent.length), bytes32(uint256(48)));
        return _call(address(0x05), bytes.concat(lengths, base, exponent, FIELD));
    }

    /// @notice The sum of two keys, which have to be points of the curve; infinity is 128 zero bytes.
    function addKeys(bytes memory a, bytes memory b) internal view returns (bytes memory) {
        return _call(G1_ADD, bytes.concat(a, b));
    }

    /// @notice The point of G2 that a message is hashed to (RFC 9380).
    function hashToPoint(bytes memory message) internal view returns (bytes memory) {
        bytes memory elements = _reduce(_expand(message));
        return _call(G2_ADD, bytes.concat(_mapToPoint(elements, 0), _mapToPoint(elements, 128)));
    }

    /// @dev 128 of the bytes are two numbers, which make one of the larger field.
    function _mapToPoint(bytes memory elements, uint256 from) private view returns (bytes memory) {
        bytes memory element = new bytes(128);
        assembly ("memory-safe") {
            mcopy(add(element, 32), add(add(elements, 32), from), 128)
        }
        return _call(MAP_TO_G2, element);
    }

    /// @dev Each 64 bytes modulo the order of the field, in 64 bytes, by the precompile of EIP-198.
    function _reduce(bytes memory uniform) private view returns (bytes memory elements) {
        elements = new bytes(256);
        // Lengths of base, exponent and modulus, then they themselves.
        bytes memory input = bytes.concat(bytes32(uint256(64)), bytes32(uint256(1)), bytes32(uint256(48)), new bytes(64), hex"01", FIELD);
        for (uint256 from; from < 256; from += 64) {
            bool ok;
            assembly ("memory-safe") {
                mcopy(add(input, 128), add(add(uniform, 32), from), 64)
                ok := staticcall(gas(), 0x05, add(input, 32), mload(input), add(add(elements, 48), from), 48)
            }
            require(ok);
        }
    }

    /// @dev expand_message_xmd with SHA-256 to 256 bytes.
    function _expand(bytes memory message) private pure returns (bytes memory out) {
        bytes memory domain = bytes.concat(DOMAIN, bytes1(uint8(DOMAIN.length)));
        bytes32 first = sha256(abi.encodePacked(bytes32(0), bytes32(0), message, uint16(256), uint8(0), domain));
        bytes32 block_ = sha256(abi.encodePacked(first, uint8(1), domain));
        out = abi.encodePacked(block_);
        for (uint8 i = 2; i <= 8; ++i) {
            block_ = sha256(abi.encodePacked(first ^ block_, i, domain));
            out = bytes.concat(out, block_);
        }
    }

    /// @dev These inputs are always valid, so that a precompile that fails is missing.
    function _call(address precompile, bytes memory input) private view returns (bytes memory output) {
        bool ok;
        (ok, output) = precompile.staticcall(input);
        require(ok && output.length > 0);
    }

    function _isZero(bytes memory point) private pure returns (bool) {
        uint256 any;
        for (uint256 at = 32; at <= point.length; at += 32) {
            assembly ("memory-safe") {
                any := or(any, mload(add(point, at)))
            }
        }
        return any == 0;
    }
}
