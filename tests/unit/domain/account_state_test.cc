// The stored form of an account's state.
#include "keyledger/storage/v1/account_state.pb.h"
#include "tests/unit/domain/account_ledger.h"

namespace keyledger::domain {
namespace {

AccountState Example() {
  AccountState state;
  state.next_revision = 9;
  state.lifecycle = Lifecycle::kOpen;
  state.open_time = 1;
  state.clock = 1'700'000'000'000'000;
  state.display_name = "Acme";
  state.region = "CN/31";
  state.facts = {{"industry", "tea"}};
  state.purchase_count = 1;
  state.last_purchase = 5;
  state.lots = {{2, 10, 4, true, 77, kNever, 5}, {3, 6, 6, false, 0, 99, 5}};
  state.lots[1].origin = 1;
  state.lots[1].origin_lot = 4;
  state.totals = {16, 6, 0, 0};
  state.metrics["USD"] = {{{1'888'880, {500, 300, 2, 1}}, {1'888'884, {20, 0, 1, 1}}},
                          {{1'888'890, {20, 12, 1, 0}}},
                          {700, 300, 9, 3},
                          {20, 12, 1, 0}};
  state.returned[{"", 1}] = {{1, 1, 20}};
  state.returned[{"acme-2", 9}] = {{2, 3, 40}};
  state.tier = {"standing", "gold", 5, 6, 70};
  state.tier_lock = {"standing", 80};
  state.stages = {{"life", {"expand", 7}}, {"partnership", {"moved", -1}}};
  state.counts[{"test/limits.gifts/li/month", 1'698'768'000'000'000}] = {70'000'000, 3};
  state.market_prices["tea"] = {{6, 40, 9'000'000, "USD", "CN/31"}, {4, 50, 8'500'000, "USD", ""}};
  state.contracts["C-1"] = {60, true};
  state.roles[{"sales", "km"}] = {2, -1};
  state.items[{ItemKind::kQuote, "Q"}] = {4, 9, 12'500, "", "anna"};
  state.items[{ItemKind::kEntitlement, "E"}] = {1, 0, 3, "", "", 50, 90};
  state.items[{ItemKind::kCommission, "C"}] = {1, 0, 7, "USD", "li"};
  state.merge = {"other", Lifecycle::kOpen, false};
  state.absorbed = {"acme-2"};
  return state;
}

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    const char digits[] = "0123456789abcdef";
    hex += digits[static_cast<unsigned char>(c) >> 4];
    hex += digits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

TEST(StoredState, ReadsBackAsItWas) {
  const auto decoded = DecodeState(EncodeState(Example()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, Example());
  EXPECT_EQ(decoded->available_points(), 6);
  EXPECT_EQ(decoded->pending_points(), 4);
}

TEST(StoredState, HasTheBytesWrittenDown) {
  EXPECT_EQ(
      Hex(EncodeState(Example())),
      "0808100818012002288080f28183898506320441636d653a05434e2f3331520f0a08696e6475737472791203746561580160"
      "0a6a0d0802100a18042001289a01380a6a0f08031006180630c601380a500158047204081010067a480a0355534412190a05e0c9e601"
      "081203f403141a03ac0200220202012a0201011a120a04f4c9e6011201141a010c2201012a0100220a08bc0510ac02180920"
      "032a060814100c180182010a0801120608011001181482011208091206080210031828"
      "1a0661636d652d328a01170a087374616e64696e671204676f6c64180a200c288c019a01"
      "2c0a1a746573742f6c696d6974732e67696674732f6c692f6d6f6e746810808091f3a7c184061880bbb0212003a2010d0a08"
      "7374616e64696e6710a001f201100a046c6966651206657870616e64180ef201160a0b706172746e65727368697012056d6f"
      "76656418019a021a0a0374656110061850220355534428c0a8a5043205434e2f33319a02130a037465611004186422035553"
      "4428a0e68604"
      "a202090a03432d3110781801aa020f0a0573616c657312026b6d18022001"
      "b2021308031201511804200928a8c3013a04616e6e61b2020e080712014518012806406448b401"
      "b20212080a1201431801280e32035553443a026c69ba02090a056f746865721001c2020661636d652d32");
}

TEST(StoredState, OfAnotherFormatIsRefused) {
  storage::v1::AccountState stored;
  ASSERT_TRUE(stored.ParseFromString(EncodeState(Example())));
  stored.set_format(kSnapshotFormat + 1);
  const auto refused = DecodeState(stored.SerializeAsString());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kStoreDamaged);
}

TEST(StoredState, ThatIsDamagedIsRefused) {
  EXPECT_EQ(ReasonOf(DecodeState("\xff\xff").status()), Reason::kStoreDamaged);
  EXPECT_EQ(ReasonOf(DecodeState("").status()), Reason::kStoreDamaged);
  const auto reason = [](auto change) {
    storage::v1::AccountState stored;
    EXPECT_TRUE(stored.ParseFromString(EncodeState(Example())));
    change(stored);
    return ReasonOf(DecodeState(stored.SerializeAsString()).status());
  };
  EXPECT_EQ(reason([](auto& s) { s.mutable_totals()->set_spent(5); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto& s) { s.mutable_lots(0)->set_remaining(0); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto& s) { s.mutable_lots()->SwapElements(0, 1); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto& s) { s.mutable_metrics(0)->mutable_bought()->add_slots(1); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto& s) { s.set_lifecycle(4); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto& s) { s.mutable_stages(0)->clear_stage_id(); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto& s) { s.mutable_stages(1)->set_ladder_id("life"); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto& s) { s.mutable_market_prices()->SwapElements(0, 1); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto& s) { *s.add_contracts() = s.contracts(0); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto& s) { *s.add_roles() = s.roles(0); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto& s) { *s.add_items() = s.items(0); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto& s) { s.mutable_items(0)->set_kind(14); }), Reason::kStoreDamaged)
      << "contracts stand apart";
  EXPECT_EQ(reason([](auto& s) { s.mutable_items(0)->set_kind(0); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto& s) { s.mutable_items(0)->set_state(0); }), Reason::kStoreDamaged) << "it would not be open";
  EXPECT_EQ(reason([](auto& s) { s.mutable_items(0)->set_state(10); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto& s) { s.mutable_merge()->set_lifecycle(3); }), Reason::kStoreDamaged);
  EXPECT_EQ(reason([](auto&) {}), Reason::kUnspecified);
}

TEST(StateSize, GrowsWithWhatTheStateHolds) {
  AccountState state = Example();
  const size_t before = state.ApproximateBytes();
  state.lots.resize(1000);
  EXPECT_GE(state.ApproximateBytes(), before + 900 * sizeof(Lot));
  const size_t with_lots = state.ApproximateBytes();
  state.market_prices["cup"].resize(1000);
  EXPECT_GE(state.ApproximateBytes(), with_lots + 1000 * sizeof(MarketPrice));
  const size_t with_prices = state.ApproximateBytes();
  for (int i = 0; i < 1000; ++i) state.items[{ItemKind::kOrder, std::to_string(i)}] = OpenItem();
  EXPECT_GE(state.ApproximateBytes(), with_prices + 1000 * sizeof(OpenItem));
}

}  // namespace
}  // namespace keyledger::domain
