use super::Cursor;

#[test]
fn reads_in_network_order_and_counts() {
    let mut cursor = Cursor::at(&[1, 0, 2, 0, 0, 3, 0, 0, 0, 4, 9, 9], 100);
    assert_eq!(cursor.u8(), Some(1));
    assert_eq!(cursor.u16(), Some(2));
    assert_eq!(cursor.u24(), Some(3));
    assert_eq!(cursor.u32(), Some(4));
    assert_eq!(cursor.offset(), 110);
    let mut sub = cursor.sub(1).unwrap();
    assert_eq!((sub.offset(), sub.u8(), sub.offset()), (110, Some(9), 111));
    assert_eq!((cursor.rest(), cursor.len()), (&[9][..], 1));
}

#[test]
fn too_little_reads_nothing() {
    let mut cursor = Cursor::new(&[1]);
    assert_eq!(cursor.u16(), None);
    assert_eq!(cursor.u24(), None);
    assert_eq!(cursor.u32(), None);
    assert_eq!(cursor.take(2), None);
    assert_eq!(cursor.sub(usize::MAX), None);
    assert_eq!((cursor.offset(), cursor.u8()), (0, Some(1)));
    assert!(cursor.is_empty());
    assert_eq!(cursor.u8(), None);
}
