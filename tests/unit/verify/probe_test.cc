// keyledger-verify probe: published test vectors, and what a line must be.
#include "client/verify/probe.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace keyledger::verify {
namespace {

struct Answer {
  int code = 0;
  std::string out;
  std::string err;
};

Answer Probe(const std::string& path, bool json = false) {
  std::ostringstream out;
  std::ostringstream err;
  Environment environment{out, err};
  Answer answer;
  answer.code = CheckProbes(path, json, environment);
  answer.out = out.str();
  answer.err = err.str();
  return answer;
}

Answer ProbeLines(const std::string& lines, bool json = false) {
  const testing::TempDir directory;
  const std::string path = directory / "probes.jsonl";
  std::ofstream(path, std::ios::binary) << lines;
  return Probe(path, json);
}

// One leaf is its own root.
constexpr const char* kGood =
    R"({"file": "good", "leafIdx": 0, "treeSize": 1, "root": "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",)"
    R"( "leafHash": "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=", "proof": null, "wantErr": false})";

std::string GoodWith(const std::string& what, const std::string& by) {
  std::string line = kGood;
  const size_t at = line.find(what);
  EXPECT_NE(at, std::string::npos);
  return line.replace(at, what.size(), by);
}

TEST(Probe, AnswersEveryPublishedVectorAsExpected) {
  const std::string directory = KL_SHARED_DATA "/merkle_rfc6962/";
  if (!std::filesystem::exists(directory)) GTEST_SKIP() << "no published vectors at " << directory;
  const Answer inclusion = Probe(directory + "inclusion.jsonl");
  EXPECT_EQ(inclusion.code, kExitHolds) << inclusion.out;
  EXPECT_EQ(inclusion.err, "49 probes, 0 not as expected\n");
  const Answer consistency = Probe(directory + "consistency.jsonl");
  EXPECT_EQ(consistency.code, kExitHolds) << consistency.out;
  EXPECT_EQ(consistency.err, "49 probes, 0 not as expected\n");
  EXPECT_NE(consistency.out.find("sizes-are-equal-zero-and-proof-is-empty.json: rejected, as expected"),
            std::string::npos)
      << consistency.out;
}

TEST(Probe, SaysWhatIsNotAsExpectedAndExitsWithOne) {
  const Answer good = ProbeLines(std::string(kGood) + "\n");
  EXPECT_EQ(good.code, kExitHolds);
  EXPECT_EQ(good.out, "good: accepted, as expected\n");
  const Answer wrong = ProbeLines(GoodWith("\"wantErr\": false", "\"wantErr\": true") + "\n" + kGood);
  EXPECT_EQ(wrong.code, kExitDoesNotHold);
  EXPECT_EQ(wrong.out, "good: accepted, NOT as expected\ngood: accepted, as expected\n");
  EXPECT_EQ(wrong.err, "2 probes, 1 not as expected\n");
  EXPECT_EQ(ProbeLines(kGood, /*json=*/true).out,
            "{\"as_expected\":true,\"file\":\"good\",\"verdict\":\"accepted\"}\n");
}

TEST(Probe, RejectsHashesAndSizesThatAreNone) {
  const auto expect_rejected = [](const std::string& line) {
    const Answer answer = ProbeLines(line);
    EXPECT_EQ(answer.out, "good: rejected, NOT as expected\n") << line;
    EXPECT_EQ(answer.code, kExitDoesNotHold);
  };
  expect_rejected(GoodWith("\"leafIdx\": 0", "\"leafIdx\": -1"));
  expect_rejected(GoodWith("\"leafIdx\": 0", "\"leafIdx\": 0.5"));
  expect_rejected(GoodWith("\"leafIdx\": 0", "\"leafIdx\": 18446744073709551616"));
  expect_rejected(GoodWith("\"treeSize\": 1", "\"treeSize\": 0"));
  expect_rejected(GoodWith("\"treeSize\": 1", "\"treeSize\": \"1\""));
  expect_rejected(GoodWith("\"root\": \"bj", "\"root\": \"\", \"was\": \"bj"));
  expect_rejected(GoodWith("\"leafHash\": \"bjQL", "\"leafHash\": \"bj!L"));
  expect_rejected(GoodWith("\"leafHash\": \"bjQL", "\"leafHash\": \"bjQLbjQL"));
  expect_rejected(GoodWith("\"proof\": null", "\"proof\": [\"\"]"));
  expect_rejected(GoodWith("\"proof\": null", "\"proof\": [null]"));
  expect_rejected(GoodWith("\"proof\": null", "\"proof\": {}"));
  expect_rejected(GoodWith("\"leafHash\"", "\"leaf\""));
}

TEST(Probe, AcceptsEqualSizesOfEqualRootsAndNothingElseOfEqualSizes) {
  const auto answer = [](const std::string& line) { return ProbeLines(line).out; };
  EXPECT_EQ(answer(R"({"file": "f", "size1": 1, "size2": 1, "root1": "AA==", "root2": "AA==", "proof": null})"),
            "f: accepted, as expected\n");
  EXPECT_EQ(answer(R"({"file": "f", "size1": 1, "size2": 1, "root1": "AA==", "root2": "AQ==", "proof": null})"),
            "f: rejected, NOT as expected\n");
  EXPECT_EQ(answer(R"({"file": "f", "size1": 1, "size2": 1, "root1": "A", "root2": "A", "proof": null})"),
            "f: rejected, NOT as expected\n");
  EXPECT_EQ(answer(R"({"file": "f", "size1": 0, "size2": 0, "root1": "AA==", "root2": "AA==", "proof": null})"),
            "f: rejected, NOT as expected\n");
}

TEST(Probe, CallsALineUnreadableThatIsNoProbe) {
  const auto expect = [](const std::string& lines) {
    const Answer answer = ProbeLines(lines);
    EXPECT_EQ(answer.code, kExitCannotRead) << lines;
    EXPECT_NE(answer.err.find("error: line 2 of"), std::string::npos) << answer.err;
    EXPECT_NE(answer.out.find("good: accepted, as expected"), std::string::npos);
  };
  expect(std::string(kGood) + "\nnot json\n");
  expect(std::string(kGood) + "\n[]\n");
  expect(std::string(kGood) + "\n{\"file\": \"neither\"}\n");
  expect(std::string(kGood) + "\n{\"leafIdx\": 1, \"size1\": 1}\n");
  expect(std::string(kGood) + "\n" + GoodWith("good", std::string(1u << 20, 'x')) + "\n");
  expect(std::string(kGood) + "\n" + std::string(900'000, '[') + "\n");
  EXPECT_EQ(Probe("/nowhere/at/all").code, kExitCannotRead);
}

// `inner` within so many arrays.
std::string Nested(size_t depth, const std::string& inner = "") {
  return std::string(depth, '[') + inner + std::string(depth, ']');
}

TEST(Probe, CallsALineUnreadableThatIsNestedDeeperThanAnyProbe) {
  for (const std::string field : {"file", "wantErr", "proof", "leafIdx", "root"}) {
    // As deep as a line can be.
    std::string line = GoodWith("\"" + field + "\": ", "\"" + field + "\": " + Nested(520'000) + ", \"was\": ");
    const Answer deep = ProbeLines(line);
    EXPECT_EQ(deep.code, kExitCannotRead) << field;
    EXPECT_NE(deep.err.find("is no probe of inclusion or consistency"), std::string::npos) << deep.err;
  }
  // The object is one level itself.
  EXPECT_EQ(ProbeLines(GoodWith("\"good\"", Nested(31))).out, Nested(31) + ": accepted, as expected\n");
  EXPECT_EQ(ProbeLines(GoodWith("\"good\"", Nested(32))).code, kExitCannotRead);
  // Brackets within a string are none.
  EXPECT_EQ(ProbeLines(GoodWith("good", R"(\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[)")).code, kExitHolds);
}

}  // namespace
}  // namespace keyledger::verify
