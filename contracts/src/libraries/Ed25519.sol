// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title SHA-512
/// @notice FIPS 180-4. No precompile has it.
library Sha512 {
    uint256 private constant MASK = type(uint64).max;
    uint256 private constant BLOCK = 128;
    /// First 64 bits of the fractional parts of the cube roots of the first eighty primes.
    bytes private constant ROUNDS =
        hex"428a2f98d728ae227137449123ef65cdb5c0fbcfec4d3b2fe9b5dba58189dbbc3956c25bf348b53859f111f1b605d019923f82a4af194f9bab1c5ed5da6d8118"
        hex"d807aa98a303024212835b0145706fbe243185be4ee4b28c550c7dc3d5ffb4e272be5d74f27b896f80deb1fe3b1696b19bdc06a725c71235c19bf174cf692694"
        hex"e49b69c19ef14ad2efbe4786384f25e30fc19dc68b8cd5b5240ca1cc77ac9c652de92c6f592b02754a7484aa6ea6e4835cb0a9dcbd41fbd476f988da831153b5"
        hex"983e5152ee66dfaba831c66d2db43210b00327c898fb213fbf597fc7beef0ee4c6e00bf33da88fc2d5a79147930aa72506ca6351e003826f142929670a0e6e70"
        hex"27b70a8546d22ffc2e1b21385c26c9264d2c6dfc5ac42aed53380d139d95b3df650a73548baf63de766a0abb3c77b2a881c2c92e47edaee692722c851482353b"
        hex"a2bfe8a14cf10364a81a664bbc423001c24b8b70d0f89791c76c51a30654be30d192e819d6ef5218d69906245565a910f40e35855771202a106aa07032bbd1b8"
        hex"19a4c116b8d2d0c81e376c085141ab532748774cdf8eeb9934b0bcb5e19b48a8391c0cb3c5c95a634ed8aa4ae3418acb5b9cca4f7763e373682e6ff3d6b2b8a3"
        hex"748f82ee5defb2fc78a5636f43172f6084c87814a1f0ab728cc702081a6439ec90befffa23631e28a4506cebde82bde9bef9a3f7b2c67915c67178f2e372532b"
        hex"ca273eceea26619cd186b8c721c0c207eada7dd6cde0eb1ef57d4f7fee6ed17806f067aa72176fba0a637dc5a2c898a6113f9804bef90dae1b710b35131c471b"
        hex"28db77f523047d8432caab7b40c724933c9ebe0a15c9bebc431d67c49c100d4c4cc5d4becb3e42b6597f299cfc657e2a5fcb6fab3ad6faec6c44198c4a475817";

    /// @return left The first 32 bytes of the hash. @return right The others.
    function hash(bytes memory data) internal pure returns (bytes32 left, bytes32 right) {
        unchecked {
            bytes memory padded = bytes.concat(
                data, hex"80", new bytes((2 * BLOCK - 17 - data.length % BLOCK) % BLOCK), bytes16(uint128(data.length * 8))
            );
            // The same of the square roots of the first eight.
            uint256[8] memory state = [
                uint256(0x6a09e667f3bcc908),
                0xbb67ae8584caa73b,
                0x3c6ef372fe94f82b,
                0xa54ff53a5f1d36f1,
                0x510e527fade682d1,
                0x9b05688c2b3e6c1f,
                0x1f83d9abfb41bd6b,
                0x5be0cd19137e2179
            ];
            bytes memory rounds = ROUNDS;
            uint256[80] memory schedule;
            for (uint256 at; at < padded.length; at += BLOCK) {
                _expand(schedule, padded, rounds, at);
                _compress(state, schedule);
            }
            left = bytes32(state[0] << 192 | state[1] << 128 | state[2] << 64 | state[3]);
            right = bytes32(state[4] << 192 | state[5] << 128 | state[6] << 64 | state[7]);
        }
    }

    /// @dev The words of a block, each with the constant of its round added once they are all there.
    function _expand(uint256[80] memory schedule, bytes memory padded, bytes memory rounds, uint256 at) private pure {
        unchecked {
            for (uint256 i; i < 16; ++i) {
                schedule[i] = _wordAt(padded, at + 8 * i);
            }
            for (uint256 i = 16; i < 80; ++i) {
                uint256 x = _twice(schedule[i - 15]);
                uint256 y = _twice(schedule[i - 2]);
                uint256 small = (x >> 1 ^ x >> 8 ^ (x & MASK) >> 7) & MASK;
                uint256 large = (y >> 19 ^ y >> 61 ^ (y & MASK) >> 6) & MASK;
                schedule[i] = (schedule[i - 16] + small + schedule[i - 7] + large) & MASK;
            }
            for (uint256 i; i < 80; ++i) {
                schedule[i] += _wordAt(rounds, 8 * i);
            }
        }
    }

    /// @dev The eight working words stay in memory and change their names: in round i, word j lies at (j - i) modulo 8.
    function _compress(uint256[8] memory state, uint256[80] memory schedule) private pure {
        unchecked {
            uint256[8] memory v;
            for (uint256 j; j < 8; ++j) {
                v[j] = state[j];
            }
            for (uint256 i; i < 80; ++i) {
                uint256 added;
                {
                    uint256 e = v[(84 - i) % 8];
                    uint256 e2 = _twice(e);
                    added = v[(87 - i) % 8] + ((e2 >> 14 ^ e2 >> 18 ^ e2 >> 41) & MASK)
                        + ((e & v[(85 - i) % 8]) ^ (~e & v[(86 - i) % 8])) + schedule[i];
                }
                v[(83 - i) % 8] = (v[(83 - i) % 8] + added) & MASK;
                uint256 a = v[(80 - i) % 8];
                uint256 b = v[(81 - i) % 8];
                uint256 c = v[(82 - i) % 8];
                uint256 a2 = _twice(a);
                v[(87 - i) % 8] =
                    (added + ((a2 >> 28 ^ a2 >> 34 ^ a2 >> 39) & MASK) + ((a & b) ^ (a & c) ^ (b & c))) & MASK;
            }
            for (uint256 j; j < 8; ++j) {
                state[j] = (state[j] + v[j]) & MASK;
            }
        }
    }

    /// @dev Beside itself, so that a shift to the right turns it round.
    function _twice(uint256 word) private pure returns (uint256) {
        return word | word << 64;
    }

    function _wordAt(bytes memory data, uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := shr(192, mload(add(add(data, 32), at)))
        }
    }
}

/// @title Signatures of Ed25519
/// @notice RFC 8032 without cofactor, as OpenSSL verifies: [s]B - [h]A encodes to R. No precompile has it.
library Ed25519 {
    uint256 private constant P = 2 ** 255 - 19;
    /// Order of the base point.
    uint256 private constant L = 2 ** 252 + 27742317777372353535851937790883648493;
    /// 2^256 modulo L.
    uint256 private constant WORD_MOD_L = 0x0ffffffffffffffffffffffffffffffec6ef5bf4737dcf70d6ec31748d98951d;
    uint256 private constant D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3;
    uint256 private constant TWICE_D = 0x2406d9dc56dffce7198e80f2eef3d13000e0149a8283b156ebd69b9426b2f159;
    uint256 private constant ROOT_OF_MINUS_ONE = 0x2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0;
    uint256 private constant BASE_X = 0x216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51a;
    uint256 private constant BASE_Y = 0x6666666666666666666666666666666666666666666666666666666666666658;
    uint256 private constant TOP = 1 << 255;

    /// Extended coordinates: x = X/Z, y = Y/Z, xy = T/Z.
    struct Point {
        uint256 x;
        uint256 y;
        uint256 z;
        uint256 t;
    }

    /// The values of a point that an addition needs: y - x, y + x, 2z, 2dt.
    struct Addend {
        uint256 less;
        uint256 more;
        uint256 z;
        uint256 t;
    }

    /// @param key Of the signer. @param r First half of the signature. @param s Its second half.
    function verify(bytes32 key, bytes32 r, bytes32 s, bytes memory message) internal view returns (bool) {
        uint256 scalar = _reverse(s);
        // Another s would be a second signature over the same message.
        if (scalar >= L) return false;
        (bool found, uint256 x, uint256 y) = decode(_reverse(key));
        if (!found) return false;
        Point memory negated = Point(P - x, y, 1, mulmod(P - x, y, P));
        Point memory sum = _combine(scalar, _challenge(bytes.concat(r, key, message)), negated);
        uint256 inverse = _power(sum.z, P - 2);
        uint256 encoded = mulmod(sum.y, inverse, P) | (mulmod(sum.x, inverse, P) & 1) << 255;
        return encoded == _reverse(r);
    }

    function _challenge(bytes memory data) private pure returns (uint256) {
        (bytes32 left, bytes32 right) = Sha512.hash(data);
        return addmod(mulmod(_reverse(right), WORD_MOD_L, L), _reverse(left), L);
    }

    /// @dev RFC 8032, 5.1.3: y, and the sign of x in the highest bit. A y of no point is not found.
    function decode(uint256 encoded) internal view returns (bool found, uint256 x, uint256 y) {
        y = (encoded & (TOP - 1)) % P;
        uint256 square = mulmod(y, y, P);
        uint256 u = addmod(square, P - 1, P);
        uint256 v = addmod(mulmod(D, square, P), 1, P);
        uint256 v3 = mulmod(mulmod(v, v, P), v, P);
        uint256 v7 = mulmod(mulmod(v3, v3, P), v, P);
        x = mulmod(mulmod(u, v3, P), _power(mulmod(u, v7, P), (P - 5) / 8), P);
        uint256 again = mulmod(v, mulmod(x, x, P), P);
        if (again != u) {
            if (addmod(again, u, P) != 0) return (false, 0, 0);
            x = mulmod(x, ROOT_OF_MINUS_ONE, P);
        }
        if (x & 1 != encoded >> 255) x = (P - x) % P;
        return (true, x, y);
    }

    /// @dev [s]B + [h]point, both bit by bit together. Both are below 2^253.
    function _combine(uint256 s, uint256 h, Point memory point) private pure returns (Point memory sum) {
        Point memory both = Point(BASE_X, BASE_Y, 1, mulmod(BASE_X, BASE_Y, P));
        Addend[3] memory addends;
        (addends[0], addends[1]) = (_prepare(both), _prepare(point));
        _add(both, addends[1]);
        addends[2] = _prepare(both);
        sum = Point(0, 1, 1, 0);
        for (uint256 bit = 253; bit > 0;) {
            unchecked {
                --bit;
            }
            _double(sum);
            uint256 place = (s >> bit & 1) | (h >> bit & 1) << 1;
            if (place != 0) _add(sum, addends[place - 1]);
        }
    }

    function _prepare(Point memory p) private pure returns (Addend memory) {
        return Addend(addmod(p.y, P - p.x, P), addmod(p.y, p.x, P), addmod(p.z, p.z, P), mulmod(TWICE_D, p.t, P));
    }

    /// @dev Hisil, Wong, Carter and Dawson, 2008: add-2008-hwcd-3, complete on this curve. Changes p.
    function _add(Point memory p, Addend memory q) private pure {
        uint256 a = mulmod(addmod(p.y, P - p.x, P), q.less, P);
        uint256 b = mulmod(addmod(p.y, p.x, P), q.more, P);
        uint256 c = mulmod(p.t, q.t, P);
        uint256 d = mulmod(p.z, q.z, P);
        _finish(p, addmod(b, P - a, P), addmod(d, P - c, P), addmod(d, c, P), addmod(b, a, P));
    }

    /// @dev dbl-2008-hwcd with all four signs turned.
    function _double(Point memory p) private pure {
        uint256 a = mulmod(p.x, p.x, P);
        uint256 b = mulmod(p.y, p.y, P);
        uint256 c = mulmod(p.z, p.z, P);
        uint256 both = addmod(p.x, p.y, P);
        uint256 h = addmod(a, b, P);
        uint256 g = addmod(a, P - b, P);
        _finish(p, addmod(h, P - mulmod(both, both, P), P), addmod(addmod(c, c, P), g, P), g, h);
    }

    function _finish(Point memory p, uint256 e, uint256 f, uint256 g, uint256 h) private pure {
        p.x = mulmod(e, f, P);
        p.y = mulmod(g, h, P);
        p.z = mulmod(f, g, P);
        p.t = mulmod(e, h, P);
    }

    /// @dev By the precompile of EIP-198.
    function _power(uint256 base, uint256 exponent) private view returns (uint256 result) {
        (, bytes memory answer) = address(5).staticcall(abi.encode(32, 32, 32, base, exponent, P));
        return uint256(bytes32(answer));
    }

    /// @dev Bytes in the opposite order: the curve's numbers begin with their least byte.
    function _reverse(bytes32 word) private pure returns (uint256 value) {
        value = uint256(word);
        value = (value & 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff) << 8
            | (value >> 8 & 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff);
        value = (value & 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff) << 16
            | (value >> 16 & 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff);
        value = (value & 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff) << 32
            | (value >> 32 & 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff);
        value = (value & 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff) << 64
            | (value >> 64 & 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff);
        value = value << 128 | value >> 128;
    }
}
