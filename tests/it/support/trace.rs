//! The statements that one SQLite connection runs, as SQLite itself tells them.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::Mutex;

/// Watches the only connection of a pool, for as long as the process lives.
#[expect(unsafe_code, reason = "SQLite calls a C function back")]
pub async fn statements(pool: &sqlx::SqlitePool) -> &'static Mutex<Vec<String>> {
    let list: &'static Mutex<Vec<String>> = Box::leak(Box::default());
    let mut connection = pool.acquire().await.expect("a connection");
    let mut handle = connection.lock_handle().await.expect("the handle");
    // SAFETY: the handle is locked, the list is never freed, and `note` has the type that is asked for.
    let status = unsafe {
        libsqlite3_sys::sqlite3_trace_v2(
            handle.as_raw_handle().as_ptr(),
            libsqlite3_sys::SQLITE_TRACE_STMT as c_uint,
            Some(note),
            std::ptr::from_ref(list).cast_mut().cast(),
        )
    };
    assert_eq!(status, libsqlite3_sys::SQLITE_OK);
    list
}

#[expect(unsafe_code, reason = "SQLite calls a C function back")]
unsafe extern "C" fn note(
    _event: c_uint,
    list: *mut c_void,
    _statement: *mut c_void,
    text: *mut c_void,
) -> c_int {
    // SAFETY: `list` is what `statements` leaked, and `text` a string that lives as long as this call.
    let (list, text) = unsafe {
        (
            &*list.cast::<Mutex<Vec<String>>>(),
            CStr::from_ptr(text.cast::<c_char>()),
        )
    };
    let text = text.to_string_lossy().into_owned();
    // What begins with a dash is a trigger's part of a statement that was told already.
    if !text.starts_with("--") {
        list.lock().expect("the list").push(text);
    }
    0
}
