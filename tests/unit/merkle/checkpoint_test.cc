// Checkpoints: the form of C2SP tlog-checkpoint, and what is refused.
#include "server/merkle/checkpoint.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/base/error.h"
#include "server/merkle/base64.h"

namespace keyledger::merkle {
namespace {

constexpr char kOrigin[] = "keyledger/0123456789abcdef0123456789abcdef/2";
// Root of the tree over the empty record.
constexpr char kBody[] =
    "keyledger/0123456789abcdef0123456789abcdef/2\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n";

std::string Refusal(const std::string& text) {
  const auto checkpoint = ParseCheckpoint(text);
  if (checkpoint.ok()) return "accepted";
  EXPECT_EQ(ReasonOf(checkpoint.status()), Reason::kInvalidField);
  return MessageOf(checkpoint.status());
}

TEST(Checkpoint, IsThreeLines) {
  const Checkpoint checkpoint{OriginOf("0123456789abcdef0123456789abcdef", 2), 1, LeafHash("")};
  EXPECT_EQ(checkpoint.origin, kOrigin);
  EXPECT_EQ(FormatCheckpoint(checkpoint), kBody);
  EXPECT_EQ(*ParseCheckpoint(kBody), checkpoint);
}

TEST(Checkpoint, MayHaveExtensionLines) {
  EXPECT_EQ(ParseCheckpoint(std::string(kBody) + "extension\nanother\n")->size, 1u);
  EXPECT_EQ(Refusal(std::string(kBody) + "\n"), "a line after the root hash of a checkpoint must not be empty");
  EXPECT_EQ(Refusal(std::string(kBody) + "extension\n\nanother\n"),
            "a line after the root hash of a checkpoint must not be empty");
}

TEST(Checkpoint, ReadsTheLargestSizeAndRefusesOneMore) {
  const std::string root = "\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n";
  const std::string size =
      "the second line of a checkpoint must be its size in decimal digits, below 2^64, without leading zeros";
  EXPECT_EQ(ParseCheckpoint("log\n0" + root)->size, 0u);
  EXPECT_EQ(ParseCheckpoint("log\n18446744073709551615" + root)->size, 18446744073709551615u);
  for (const std::string text :
       {"18446744073709551616", "", "01", "00", "+1", "-1", " 1", "1 ", "0x1", "1.0", "1e3", "x"}) {
    EXPECT_EQ(Refusal("log\n" + text + root), size) << text;
  }
}

TEST(Checkpoint, RefusesMissingLinesAndWrongRoots) {
  const std::string root = "the third line of a checkpoint must be its root hash: base64 of 32 bytes";
  EXPECT_EQ(Refusal(""), "a checkpoint must end in a newline");
  EXPECT_EQ(Refusal("log\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0="), "a checkpoint must end in a newline");
  EXPECT_EQ(Refusal("\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n"),
            "the first line of a checkpoint must name the log");
  EXPECT_EQ(Refusal("log\n"),
            "the second line of a checkpoint must be its size in decimal digits, below 2^64, without leading zeros");
  EXPECT_EQ(Refusal("log\n1\n"), root);
  EXPECT_EQ(Refusal("log\n1\n\n"), root);
  EXPECT_EQ(Refusal("log\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0\n"), root);
  // The same 32 bytes with bits set that count for nothing.
  EXPECT_EQ(Refusal("log\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB1=\n"), root);
  EXPECT_EQ(Refusal("log\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoA==\n"), root);
}

TEST(Checkpoint, IsSignedAsTheExampleOfTheFormatSays) {
  // The secret key of RFC 8032 section 7.1, test 2.
  const auto key = SigningKey::FromPem(
      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END PRIVATE "
      "KEY-----\n");
  ASSERT_TRUE(key.ok()) << key.status();
  const std::string origin = OriginOf("0123456789abcdef0123456789abcdef", 0);
  const std::string expected =
      "keyledger/0123456789abcdef0123456789abcdef/0\n"
      "1\n"
      "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n"
      "\n"
      "\xe2\x80\x94 keyledger/0123456789abcdef0123456789abcdef/0 "
      "Wakqs0Hhap8hIpBVlMGFxjNVLRlCivD9GlWhHc504Z/twuqh26bLtiE0ulZX/9QOVP+G+I2p6sV1k2/+zTjJw1eb7go=\n";
  const auto note = SignNote(FormatCheckpoint({origin, 1, LeafHash("")}), std::vector<NoteSigner>{{origin, &*key}});
  ASSERT_TRUE(note.ok()) << note.status();
  EXPECT_EQ(*note, expected);
  EXPECT_EQ(VerifierKey(origin, key->public_key()).Format(),
            "keyledger/0123456789abcdef0123456789abcdef/0+59a92ab3+AT1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM");
}

TEST(OpenCheckpoint, TakesOneSignedByItsOwnLogsKeyOnly) {
  const SigningKey key = SigningKey::Generate();
  const VerifierKey verifier(kOrigin, key.public_key());
  const std::vector<NoteSigner> signers = {{kOrigin, &key}};
  const std::string note = *SignNote(kBody, signers);
  ASSERT_TRUE(OpenCheckpoint(note, kOrigin, std::vector{verifier}).ok());
  ASSERT_TRUE(OpenCheckpoint(note, "", std::vector{verifier}).ok());
  EXPECT_EQ(OpenCheckpoint(note, kOrigin, std::vector{verifier})->size, 1u);
  EXPECT_EQ(MessageOf(OpenCheckpoint(note, "other", std::vector{verifier}).status()),
            "the checkpoint speaks of the log 'keyledger/0123456789abcdef0123456789abcdef/2', not of 'other'");
  EXPECT_EQ(MessageOf(OpenCheckpoint(note, kOrigin, {}).status()), "none of the given keys signed the note");
  // The key of another log speaks for that log only.
  const std::string forged = *SignNote(kBody, std::vector<NoteSigner>{{"other", &key}});
  EXPECT_EQ(MessageOf(OpenCheckpoint(forged, "", std::vector{VerifierKey("other", key.public_key())}).status()),
            "the checkpoint speaks of the log 'keyledger/0123456789abcdef0123456789abcdef/2', not of 'other'");
  const std::string no_checkpoint = *SignNote("text\n", signers);
  EXPECT_EQ(ReasonOf(OpenCheckpoint(no_checkpoint, kOrigin, std::vector{verifier}).status()), Reason::kInvalidField);
}

}  // namespace
}  // namespace keyledger::merkle
