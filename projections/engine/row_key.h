// Keys of rows that belong to an account: the id, a zero byte, a tag, and what orders the account's rows. No id holds a
// zero byte, so rows sort by account_id.
#pragma once

#include <string>
#include <string_view>

#include "server/base/codec.h"

namespace keyledger::projections {

// Makes `key` the beginning of the keys of the account's rows with this tag.
inline void StartRowKey(std::string& key, std::string_view account_id, char tag) {
  key.assign(account_id);
  key.push_back('\0');
  key.push_back(tag);
}

// The first possible key after all rows of the account.
inline std::string AfterAccount(std::string_view account_id) {
  std::string key(account_id);
  key.push_back('\x01');
  return key;
}

struct RowKey {
  std::string_view account_id;
  char tag = 0;
  std::string_view rest;
};

// Takes a key apart; returns false if it is not one.
inline bool SplitRowKey(std::string_view key, RowKey& out) {
  const size_t zero = key.find('\0');
  if (zero == std::string_view::npos || zero == 0 || zero + 1 >= key.size()) return false;
  out.account_id = key.substr(0, zero);
  out.tag = key[zero + 1];
  out.rest = key.substr(zero + 2);
  return true;
}

// Appends a string with its length before it.
inline void PutSized(std::string& out, std::string_view text) {
  PutVarint64(out, text.size());
  out.append(text);
}

// Takes such a string from the front of `in`; returns false if it is cut short.
inline bool GetSized(std::string_view& in, std::string_view& text) {
  uint64_t size = 0;
  if (!GetVarint64(in, size) || size > in.size()) return false;
  text = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

inline bool GetSized(std::string_view& in, std::string& text) {
  std::string_view view;
  if (!GetSized(in, view)) return false;
  text.assign(view);
  return true;
}

}  // namespace keyledger::projections
